// Merges the shards of a gate: adds up their trials and judges the whole.
#pragma once
#include <functional>
#include <string>
#include <vector>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::repro {

// Returns the judged whole. `parts` has every shard once, in the order of their numbers, and at least one. All have the
// same checks, and explorations the same stages. If they ran on different days, the last one counts. `again` returns
// the command line that reproduces an execution, and may be empty: an exhaustive search may have to be run again (see
// repro/explore/merge.hpp).
gate_result merged(
    std::vector<gate_result> const& parts, std::function<std::string(traces::header const&)> const& again = {});

} // namespace shutdown_repro::repro
