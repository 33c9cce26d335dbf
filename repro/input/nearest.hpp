// "Did you mean": the known name that is nearest to a mistyped one.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace shutdown_repro::repro {

// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
std::size_t edit_distance(std::string_view, std::string_view);

// The first of the nearest; "" when none is near enough to be meant.
std::string_view nearest(std::string_view typed, std::span<std::string_view const> known);

// `; did you mean "grace"?`, or "" when none is near. Goes to the end of an error.
std::string did_you_mean(std::string_view typed, std::span<std::string_view const> known);

} // namespace shutdown_repro::repro
