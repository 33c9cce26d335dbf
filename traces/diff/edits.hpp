// The shortest edit script between two sequences (E. Myers, "An O(ND) difference algorithm and its variations", 1986).
// If it is longer than `most_edits`, everything between the common begin and end is replaced, so that time and memory
// stay bounded.
#pragma once
#include <cstdint>
#include <vector>

namespace shutdown_repro::traces {

enum class edit : std::uint8_t { keep, only_a, only_b };

std::vector<edit> edits(std::vector<std::uint32_t> const& a, std::vector<std::uint32_t> const& b);

} // namespace shutdown_repro::traces
