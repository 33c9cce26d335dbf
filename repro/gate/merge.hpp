// The shards of a gate as the one gate that they are parts of: their trials are counted together, then judged.
#pragma once
#include <vector>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::repro {

// `parts`: every shard once, in the order of their numbers, each with the same checks, and an exploration with the same stages;
// at least one. Days may have passed between them; it is judged as of the last.
gate_result merged(std::vector<gate_result> const& parts);

} // namespace shutdown_repro::repro
