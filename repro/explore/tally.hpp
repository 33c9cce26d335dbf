// What the executions of one worker, or of one piece of a search tree, have shown.
#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>
#include "repro/explore/explore.hpp"

namespace shutdown_repro::repro {

struct tally {
    effort done;
    std::uint64_t begun = 0; // executions that ended, or were skipped; of a piece of a search tree
    std::uint64_t pruned = 0, unfinished = 0;
    std::unordered_map<std::uint64_t, finding> findings; // by key
    std::vector<std::uint32_t> covered;                  // a log of coverage; of a piece of a search tree

    // Adds another tally. The numbers of its executions grow by `offset`. Does not add the log of coverage.
    void add(tally const& other, std::uint64_t offset);
};

// Adds a finding of other executions with the same violation.
void add_finding(finding& to, finding const& other);

} // namespace shutdown_repro::repro
