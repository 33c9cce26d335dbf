// Merges the shards of a gate: adds up their trials and judges the whole.
#pragma once
#include <vector>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::repro {

// Returns the judged whole. `parts` has every shard once, in the order of their numbers, and at least one. All have the
// same checks, and explorations the same stages. If they ran on different days, the last one counts.
gate_result merged(std::vector<gate_result> const& parts);

} // namespace shutdown_repro::repro
