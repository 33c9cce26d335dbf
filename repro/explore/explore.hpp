// Explores the schedules of a scenario: searches for violations, and states what the search guarantees.
//
// Related headers:
//   decision.hpp      a decision, and the schedule that names all decisions of an execution
//   execute.hpp       one execution: a function of (scenario, schedule)
//   moments.hpp       with_open_acts(): the scenario with stop and free as decisions
//   strategy.hpp      strategies propose schedules: sweep, exhaustive, phase, pct, random (strategies/)
//   footprint.hpp     tells when two steps can be exchanged, which makes exhaustive feasible
//   fingerprint.hpp   tells which violations are the same
//   coverage.hpp      what was reached and what was not
//   shrink.hpp        finds the smallest failing schedule, and the nearest one that passes
//
// In an exploration stop and free can be called at any step: each is a decision of its own, unless the caller named
// stop points. With a budget of executions, what is tried is a function of (scenario, options): the executions, the
// findings and the guarantee do not depend on the number of jobs. The same holds for shards: shard k modulo their
// number tries execution k of a strategy, or piece k of the tree of an exhaustive search, and all shards together
// (merge.hpp) try what a single exploration with the same strategy would.
#pragma once
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>
#include "repro/explore/coverage.hpp"
#include "repro/explore/strategy.hpp"
#include "repro/scenario/moments.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::repro {

struct explore_options {
    std::string strategy =
        "auto"; // the name of a strategy, or auto: sweep, exhaustive if it fits the budget, else phase, pct and random
    std::uint64_t executions = 20'000;
    std::optional<double> seconds;
    std::uint64_t seed = 1;
    std::uint32_t jobs = 1;
    std::optional<share>
        shard; // explore only this shard. Auto then leaves out exhaustive: only all shards together know whether that
               // search is complete, and later strategies must not depend on it
    std::uint64_t verify_every = 0; // run every n-th execution again and compare the traces; 0 for none
    bool stop_at_first = false;     // stop at the first execution with a violation
    bool find_causes = false;       // set finding::caused_by; executions with several violations run twice
};

// Executions with the same violation.
struct finding {
    std::uint64_t key = 0; // see fingerprinter; without a rule, one of the two below
    std::string rule;      // "" for executions that never ended without a violation that explains it
    static constexpr std::uint64_t never_ended = 0, // the server had to be killed
        ended_at_limit = 1;                         // such as a loop that spins: execute.hpp; `message` says at which
    std::string fingerprint, message;
    traces::severity level = traces::severity::error;
    std::uint64_t first = 0; // number of the first execution, counted from 1 over all stages
    std::uint64_t count = 0;
    schedule shortest;           // the schedule with the fewest decisions away from the default, then the first
    std::uint64_t decisions = 0; // number of its decisions; `shortest` may omit default decisions at its end
    std::vector<std::uint64_t> caused_by; // keys of its roots, sorted; empty if an execution showed it without a root
};

struct stage {
    std::string strategy;
    effort done;
    std::uint64_t pruned = 0;     // executions skipped: equivalent to an execution already seen
    std::uint64_t unfinished = 0; // executions that never ended without a violation that explains it
    std::string guarantee;
    std::vector<std::uint32_t> pieces; // of a shard of a tree search: the numbers of executions of its pieces
};

struct exploration {
    scenario of;                   // the scenario as explored
    std::vector<finding> findings; // errors first, then in the order of `first`
    std::vector<stage> stages;
    std::optional<coverage> reached;
    std::uint64_t executions = 0, violating = 0, unfinished = 0, verified = 0;
    std::uint64_t budget = 0; // the maximum number of executions that was asked for
    bool interrupted = false, out_of_time = false;
    std::optional<share> shard; // set when this is one shard of an exploration
    traces::verdict verdict() const;
    std::vector<std::string> guarantees() const; // the guarantees of all stages; none if there was a violation
    void sort_findings();
    bool is_part() const { return shard && shard->count > 1; }
};
// A total order: fewer decisions away from the default, then fewer decisions, then the smaller choices.
bool shorter(schedule const&, schedule const&);
bool shorter(finding const&, finding const&); // by `shortest`
// Adds the roots of a finding in further executions, both sorted. Where either has none, no root explains them all.
void add_causes(std::vector<std::uint64_t>& to, std::vector<std::uint64_t> const& from);
// Returns the guarantee that follows from a stage; "" for none. A shard of a stage that guarantees something only as a
// whole has none.
std::string worth_of(strategy_info const&, terrain const&, stage const&, exploration const& whole);

struct explore_progress {
    std::uint64_t executions = 0, of = 0, findings = 0;
    std::string_view strategy;
};

terrain survey(scenario const&); // the scenario must outlive the result

// Calls `tell` from time to time in the calling thread. Setting `stop` ends the exploration early, with the findings so
// far. Throws input_error for an unknown strategy, and nondeterminism when an execution that was run twice differed,
// which is a bug of this program.
struct nondeterminism : std::runtime_error {
    using std::runtime_error::runtime_error;
};
exploration explore(scenario const&, explore_options const&, std::atomic<bool> const& stop,
    std::function<void(explore_progress const&)> const& tell = {});

} // namespace shutdown_repro::repro
