// One execution of a scenario in the simulated world, in process: pure function of (scenario, schedule).
#pragma once
#include "repro/scenario/scenario.hpp"
#include "repro/schedule/decision.hpp"
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

// Reusable: keeps its memory between executions, also after one that was abandoned (what choose() throws passes through).
class simulator {
public:
    simulator();
    ~simulator();
    // The trace is replaced. `also` (e.g. a rule_run) sees each event as it is recorded; may be null.
    void run(scenario const&, decision_source&, traces::trace& into, traces::sink* also = nullptr);
    // Without keeping the events, for speed: only `to` sees them.
    struct ending {
        traces::footer foot;
        bool complete = false; // the server ended by itself
    };
    ending run(scenario const&, decision_source&, traces::sink& to);
    // From here on decisions are left out of what is recorded, or told without a label where the server records them itself.
    void without_words();
    schedule const& taken() const; // of the latest execution

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace shutdown_repro::repro
