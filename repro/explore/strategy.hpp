// A strategy proposes schedules: it is called at each decision of an execution, and when an execution begins. Each
// strategy is a small file in strategies/ that cites its paper.
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

// What is known before an exploration: the default order with stop and free at the end.
struct terrain {
    scenario const* of = nullptr;
    std::uint32_t decisions = 0;         // number of decisions; stop and free can be called at each
    std::uint32_t connections = 0;       // numbered from 1
    std::vector<std::uint32_t> progress; // number of steps of connection i at index i
};
// Returns the number of the connection that a step belongs to; 0 for steps of the server, the world or the control.
std::uint32_t connection_of(scenario const&, traces::ref who);
inline bool is_stop(server::alternative const& a) { return a.what == server::move::stop_is_called; }
inline bool is_free(server::alternative const& a) { return a.what == server::move::free_is_called; }
// Returns the number of alternatives that are neither stop nor free. Those two come last in an offer.
inline std::size_t natural_ones(std::span<server::alternative const> offered) {
    std::size_t n = offered.size();
    while (n > 0 && (is_stop(offered[n - 1]) || is_free(offered[n - 1]))) --n;
    return n;
}

// The share of one worker: number `index` of `count`. Each worker has its own strategy with the same seed; together
// they try what a single one would.
struct share {
    std::uint32_t index = 0, count = 1;
};

// Divides a search tree among workers. Its pieces are numbered from 1 in the order of the search, for every worker
// alike. A piece is a subtree, or a single execution that ends above all subtrees.
class division {
public:
    virtual ~division() = default;
    // Returns whether the caller searches this piece; the others pass by. Each worker asks once for each piece, in
    // order, and asks for the next one when it has searched the piece.
    virtual bool takes(std::uint64_t piece) = 0;
};

// What was tried; the guarantee follows from it.
struct effort {
    std::uint64_t executions = 0, violating = 0;
    std::uint64_t longest = 0; // number of decisions of the longest execution
    bool complete = false;     // whether everything was tried
};

class strategy : public server::decision_source {
public:
    // Begins execution n of this strategy, where n is in the worker's share: index, index + count, and so on. Returns
    // false when nothing is left to try.
    virtual bool begin(std::uint64_t n) = 0;
    virtual void saw(traces::event const&) {} // receives each event as it is recorded
    // Returns whether this worker counts the execution that has ended, or was abandoned; otherwise another worker does.
    virtual bool mine() { return true; }
    // Lets `by` divide the search, instead of the share. Called before the first execution; used by tree searches.
    virtual void divide(division&) {}
};

struct strategy_info {
    std::string_view name, summary;
    std::unique_ptr<strategy> (*make)(terrain const&, std::uint64_t seed, share);
    // Returns the guarantee that follows from the effort as a sentence, or "". It never claims more than what was
    // tried.
    std::string (*guarantee)(terrain const&, effort const&);
    bool wants_events; // whether saw() is called
    bool draws;        // executions are drawn independently, so that the guarantee holds for any part of them, too
    bool tree = false; // it searches a tree, in which the number of an execution follows from those before it
};
std::span<strategy_info const> all_strategies();
strategy_info const* find_strategy(std::string_view name);

// For strategies.
std::string with_commas(std::uint64_t);
// Returns the guarantee of independent draws without a violation (the exact binomial bound; about 3/n, the "rule of
// three").
std::string sampled_guarantee(effort const&, std::string_view drawn);

strategy_info sweep_strategy();
strategy_info exhaustive_strategy();
strategy_info plain_strategy();
strategy_info phase_strategy();
strategy_info pct_strategy();
strategy_info random_strategy();

} // namespace shutdown_repro::repro
