// What the trials of a check add up to, wherever they were made.
#pragma once
#include "repro/gate/gate.hpp"

namespace shutdown_repro::repro {

// Adds `count` trials that violated like `shown`, which stands for them when it is the first; its place in `all`.
std::size_t count_violation(std::vector<seen_violation>& all, seen_violation const& shown, std::uint64_t count);

// The trials of an exploration, but for its violations. What was to try everything and has not is inconclusive.
void count_exploration(checked&, explore_options const&, exploration const&);

} // namespace shutdown_repro::repro
