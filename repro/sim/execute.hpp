// Runs one execution of a scenario in the simulated world, inside this process. It is a pure function of (scenario,
// schedule).
//
// Each execution ends, and in bounded memory: at a number of events, and at a number of steps without the passing of
// virtual time ("the loop spins at 20 ms"). What it would have done next was not seen, so such an execution is never
// clean.
#pragma once
#include "repro/scenario/scenario.hpp"
#include "repro/schedule/decision.hpp"
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

// Can be reused: it keeps its memory between executions, even after an execution that was abandoned by an exception
// from choose().
class simulator {
public:
    simulator();
    ~simulator();
    // Replaces the trace. `also` (for example a rule_run) receives each event as it is recorded; it may be null.
    void run(scenario const&, server::decision_source&, traces::trace& into, traces::sink* also = nullptr);
    // Does not keep the events, for speed: only `to` receives them.
    struct ending {
        traces::footer foot;
        bool complete = false; // whether the server ended by itself
        bool cut = false;      // whether the execution ended at a limit; the footer's note says at which
    };
    ending run(scenario const&, server::decision_source&, traces::sink& to);
    // From now on decisions are not recorded, or recorded without a label where the server records them itself.
    void without_words();
    schedule const& taken() const; // the decisions of the latest execution

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

} // namespace shutdown_repro::repro
