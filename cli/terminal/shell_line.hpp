// Commands for people to copy.
#pragma once
#include <string>
#include <vector>

namespace shutdown_repro::cli {

// Returns the words as one command line, quoted so that a POSIX shell reads the same words back.
std::string shell_line(std::vector<std::string> const& words);

} // namespace shutdown_repro::cli
