// Adds up the trials of a check, also those of other shards.
#pragma once
#include "repro/gate/gate.hpp"

namespace shutdown_repro::repro {

// Adds `count` trials with the violation `shown` to the entry of `all` with the same rule and fingerprint, or inserts
// `shown` as a new entry. Returns the index of the entry.
std::size_t count_violation(std::vector<gate_violation>& all, gate_violation const& shown, std::uint64_t count);

// Adds the trials of an exploration, without its violations. An exhaustive strategy that did not try everything is
// inconclusive.
void count_exploration(check_result&, explore_options const&, exploration const&);

} // namespace shutdown_repro::repro
