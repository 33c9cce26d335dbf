// Reads small files of /proc.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shutdown_repro::repro::steer {

std::string text_of(std::string const& path); // "" when the file can't be read
// Returns the number after the first occurrence of `name` and white space.
std::optional<std::uint64_t> number_after(std::string_view text, std::string_view name, int base);
std::vector<int> threads_of(int pid);
std::string link_of(std::string const& path); // "" when it can't be read

} // namespace shutdown_repro::repro::steer
