// Suggests the known name that is nearest to a mistyped one.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace shutdown_repro::repro {

// Returns the number of insertions, deletions, replacements and swaps of neighbors that turn one text into the other.
std::size_t edit_distance(std::string_view, std::string_view);

// Returns the first of the nearest names, or "" when none is near enough.
std::string_view nearest(std::string_view typed, std::span<std::string_view const> known);

// Returns `; did you mean "grace"?`, to be appended to an error, or "" when no name is near.
std::string did_you_mean(std::string_view typed, std::span<std::string_view const> known);

} // namespace shutdown_repro::repro
