// The shortest way from one sequence to another (E. Myers, "An O(ND) difference algorithm and its variations", 1986).
// Where they differ in more than `most_edits` places the middle is called different as a whole: time and memory stay
// bounded.
#pragma once
#include <cstdint>
#include <vector>

namespace shutdown_repro::traces {

enum class edit : std::uint8_t { keep, only_a, only_b };

std::vector<edit> edits(std::vector<std::uint32_t> const& a, std::vector<std::uint32_t> const& b);

} // namespace shutdown_repro::traces
