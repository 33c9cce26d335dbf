// Finds the smallest failing schedule, and the nearest one that passes.
//
// Shrinking tries, in this order, fewer requests, fewer decisions away from the default, earlier decisions and lower
// choices. It keeps a change if the execution still violates the same rule about the same kind of thing. It ends when
// no single change does: the result is 1-minimal (Zeller, Hildebrandt: Simplifying and isolating failure-inducing
// input, IEEE TSE 28, 2002).
#pragma once
#include <atomic>
#include <optional>
#include <string>
#include "repro/sim/judged.hpp"

namespace shutdown_repro::repro {

struct shrink_result {
    repro::scenario scenario;
    repro::schedule schedule;
    std::uint64_t executions = 0; // number of executions of the search
};
// `what` comes from what_went_wrong(). Returns the best result so far when `stop` is set.
shrink_result shrink(scenario const&, schedule const&, std::string const& what, std::atomic<bool> const& stop);

// Returns the part of a violation that must stay the same: its rule, and the kind and name of its subject without
// numbers.
std::string what_went_wrong(traces::trace const&, traces::violation const&);
// Returns the violation of the execution with that description, or null.
traces::violation const* find_violation(judged_execution const&, std::string const& what);

// A schedule without a violation that shares the longest prefix with a failing one.
struct passing_twin {
    repro::schedule schedule;
    std::uint64_t decision = 0; // the first decision that differs
    std::string taken, instead; // its choices in words, such as "control:1: free is called"
};
std::optional<passing_twin> find_passing_twin(scenario const&, schedule const& failing, std::atomic<bool> const& stop);

} // namespace shutdown_repro::repro
