// The smallest failing schedule, and the nearest one that passes.
//
// Shrinking tries, in this order, fewer requests, fewer decisions away from the default, earlier ones and lower choices, and
// keeps what still violates the same rule about the same kind of thing. It ends when no single such change does: the result is
// 1-minimal (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input, IEEE TSE 28, 2002).
#pragma once
#include <atomic>
#include <optional>
#include <string>
#include "repro/sim/judged.hpp"

namespace shutdown_repro::repro {

struct shrunk {
    scenario of;
    schedule when;
    std::uint64_t executions = 0; // that it took
};
// `what`: see what_went_wrong. Returns the best so far when `stop` is set.
shrunk shrink(scenario const&, schedule const&, std::string const& what, std::atomic<bool> const& stop);

// The part of a violation that has to stay the same: its rule and its subject's kind and name, without numbers.
std::string what_went_wrong(traces::trace const&, traces::violation const&);
// The execution's violation of that description, null when there is none.
traces::violation const* find_violation(judged_execution const&, std::string const& what);

std::uint32_t away_from_default(schedule const&); // decisions

// A schedule that violates nothing and shares the longest beginning with a failing one.
struct passing_twin {
    schedule when;
    std::uint64_t decision = 0; // the first that differs
    std::string taken, instead; // "control:1 free is called", in words
};
std::optional<passing_twin> find_passing_twin(scenario const&, schedule const& failing, std::atomic<bool> const& stop);

} // namespace shutdown_repro::repro
