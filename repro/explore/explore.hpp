// The heart: find the bug instead of being told where it is, and say what was proven.
//
// Where to read on:
//   decision.hpp      what is chosen, and the schedule that names all choices of an execution
//   execute.hpp       one execution: a function of (scenario, schedule)
//   strategy.hpp      who proposes schedules; a file each in strategies/: sweep, exhaustive, phase, pct, random
//   footprint.hpp     when two steps can be exchanged, which makes exhaustive feasible
//   fingerprint.hpp   which violations are the same
//   coverage.hpp      what was reached, and what never
//   shrink.hpp        the smallest failing schedule, and the nearest one that passes
//
// In an exploration stop and free are called at any step: each is a decision of its own, unless the scenario's stop points were
// named by the caller. What is tried is a function of (scenario, options) and not of the number of jobs, as long as executions
// and not seconds are the budget; but an exhaustive walk that ends before its end has walked elsewhere with other jobs.
// The same holds for shards: execution k of a strategy, and the k-th subtree of an exhaustive walk, is tried by shard k modulo
// their number, and all of them together (merge.hpp) try what one would.
#pragma once
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>
#include "repro/explore/coverage.hpp"
#include "repro/explore/strategy.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::repro {

struct explore_options {
    std::string strategy =
        "auto"; // a strategy's name, or auto: sweep, exhaustive if it fits, else phase, pct and random
    std::uint64_t executions = 20'000;
    std::optional<double> seconds;
    std::uint64_t seed = 1;
    std::uint32_t jobs = 1;
    std::optional<share>
        shard; // this part of it alone. Auto then leaves out exhaustive: whether a walk comes to its end
               // only all shards together know, and what comes after must not depend on it
    std::uint64_t verify_every = 0; // run every n-th execution twice and compare; 0: none
    bool stop_at_first = false;     // at the first execution that violates
};

// Executions that violate alike.
struct finding {
    std::uint64_t key = 0; // see fingerprinter
    std::string rule;      // "" for executions that never ended, and no rule says why
    std::string fingerprint, message;
    traces::severity level = traces::severity::error;
    std::uint64_t first = 0; // the number of the first, counted from 1 over all stages
    std::uint64_t count = 0;
    schedule shortest;           // of those, the one with the fewest decisions away from the default, then the first
    std::uint64_t decisions = 0; // that it takes; the last ones may be left out of it, when they are the default
};

struct stage {
    std::string strategy;
    effort done;
    std::uint64_t pruned = 0;     // executions that were begun and found to be old acquaintances
    std::uint64_t unfinished = 0; // that never ended, and no rule says why
    std::string guarantee;
};

struct exploration {
    scenario of;                   // as it was explored
    std::vector<finding> findings; // errors first, then in the order of `first`
    std::vector<stage> stages;
    std::optional<coverage> reached;
    std::uint64_t executions = 0, violating = 0, unfinished = 0, verified = 0;
    bool interrupted = false, out_of_time = false;
    std::optional<share> shard; // it is that part of one
    traces::verdict verdict() const;
    std::vector<std::string> guarantees() const; // of all stages; none once something violated
    void sort_findings();
    bool is_part() const { return shard && shard->count > 1; }
};
// Fewest decisions away from the default, then the fewest decisions at all, then by the choices: a total order.
bool shorter(schedule const&, schedule const&);
bool shorter(finding const&, finding const&); // by `shortest`
// What a stage is worth, "" for nothing; a part of what only has a worth as a whole has none.
std::string worth_of(strategy_info const&, terrain const&, stage const&, exploration const& whole);

struct explore_progress {
    std::uint64_t executions = 0, of = 0, findings = 0;
    std::string_view strategy;
};

// `s` with stop and free as decisions of their own beside what a handler calls. Who is said never to be called stays so.
scenario with_open_acts(scenario s);
terrain survey(scenario const&); // of the scenario, which must outlive it

// `tell` is called now and then from the calling thread; `stop` ends the exploration early, with what it has.
// Throws input_error for an unknown strategy, and nondeterminism when an execution that was run twice differed: our own bug.
struct nondeterminism : std::runtime_error {
    using std::runtime_error::runtime_error;
};
exploration explore(scenario const&, explore_options const&, std::atomic<bool> const& stop,
    std::function<void(explore_progress const&)> const& tell = {});

} // namespace shutdown_repro::repro
