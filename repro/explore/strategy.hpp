// A strategy proposes schedules: it is asked at each decision of an execution and told when one begins and ends. Each is a
// small file in strategies/, with its paper.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "repro/scenario/scenario.hpp"
#include "repro/schedule/decision.hpp"
#include "traces/event.hpp"

namespace shutdown_repro::repro {

// What is known before an exploration begins: how the default order goes when stop and free come last.
struct terrain {
    scenario const* of = nullptr;
    std::uint32_t decisions = 0;         // stop and free can be called at each of them
    std::uint32_t connections = 0;       // numbered from 1
    std::vector<std::uint32_t> progress; // of connection i at i: the steps that are its own
};
// Whose connection a step is about: its number, 0 for the server's, the world's and the control's own.
std::uint32_t connection_of(scenario const&, traces::ref who);
inline bool is_stop(alternative const& a) { return a.what == move::stop_is_called; }
inline bool is_free(alternative const& a) { return a.what == move::free_is_called; }
// Returns the number of alternatives that are neither stop nor free. Those two come last in an offer.
inline std::size_t natural_ones(std::span<alternative const> offered) {
    std::size_t n = offered.size();
    while (n > 0 && (is_stop(offered[n - 1]) || is_free(offered[n - 1]))) --n;
    return n;
}

// Who works on it: worker `index` of `count`, each with its own strategy of the same seed. Together they try what one alone
// would try.
struct share {
    std::uint32_t index = 0, count = 1;
};

// What was done, for the sentence that says what it is worth.
struct effort {
    std::uint64_t executions = 0, violating = 0;
    std::uint64_t longest = 0; // decisions of the longest execution
    bool complete = false;     // nothing is left to try
};

class strategy : public decision_source {
public:
    // Execution n of this strategy, n in the worker's share: index, index + count, …; false: nothing is left to try.
    virtual bool begin(std::uint64_t n) = 0;
    virtual void saw(traces::event const&) {} // as it is recorded
    // Of the execution that has ended: false when another worker counts it.
    virtual bool mine() const { return true; }
};

struct strategy_info {
    std::string_view name, summary;
    std::unique_ptr<strategy> (*make)(terrain const&, std::uint64_t seed, share);
    // A sentence that follows from the effort, "" when none does. None of them says more than what was tried.
    std::string (*guarantee)(terrain const&, effort const&);
    bool wants_events; // saw() is to be called
    bool draws;        // each execution is drawn for itself, so that the guarantee holds of any part of them, too
};
std::span<strategy_info const> all_strategies();
strategy_info const* find_strategy(std::string_view name);

// For strategies.
std::string with_commas(std::uint64_t);
// The sentence of independent draws of which none violated (the exact binomial bound; about 3/n, the "rule of three").
std::string sampled_guarantee(effort const&, std::string_view drawn);

strategy_info sweep_strategy();
strategy_info exhaustive_strategy();
strategy_info plain_strategy();
strategy_info phase_strategy();
strategy_info pct_strategy();
strategy_info random_strategy();

} // namespace shutdown_repro::repro
