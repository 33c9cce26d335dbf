// The shards of an exploration as the one that they are parts of.
#pragma once
#include <vector>
#include "repro/explore/explore.hpp"

namespace shutdown_repro::repro {

// Counts are summed, findings that are alike are one, and what it is worth is judged anew, as no part can say that. `parts`:
// every shard once, of one scenario, and with the same stages; at least one. What was covered stays with the parts.
exploration merged(std::vector<exploration> const& parts);

} // namespace shutdown_repro::repro
