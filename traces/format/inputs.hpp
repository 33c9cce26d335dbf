// The files that this process reads or runs. A file that is written must not replace one of them: a mistyped name would
// destroy the scenario, the trace or the program that somebody wants to look at.
//
// Whoever opens an input notes it here. Whoever writes a file for the user asks first (cli/terminal/files.hpp).
#pragma once
#include <string>

namespace shutdown_repro::traces {

// Remembers the file; "-" is standard input. A file that does not exist yet is remembered by its path.
void note_input(std::string const& path);
// Returns whether the path leads to a file that was noted, by whatever name or link.
bool is_input(std::string const& path);

} // namespace shutdown_repro::traces
