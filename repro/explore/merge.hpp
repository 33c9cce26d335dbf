// Merges the shards of an exploration.
#pragma once
#include <vector>
#include "repro/explore/explore.hpp"

namespace shutdown_repro::repro {

// Returns the whole exploration: counts are added, equal findings are merged, and the guarantees are derived again,
// because a shard alone has none. `parts` has every shard once, at least one, all of one scenario and with the same
// stages. Coverage is not merged.
//
// An exhaustive search that does not end within its budget has tried the first executions of the search. Which those
// are does not follow from the shards, so this runs the search again, alone, and returns its result.
exploration merged(std::vector<exploration> parts);

} // namespace shutdown_repro::repro
