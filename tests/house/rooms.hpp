// The rooms of the project: which room may include which, and where each third-party library may be used.
#pragma once
#include "tests/house/sources.hpp"

namespace shutdown_repro::tests {

// Each function returns one line for each violation, such as "repro/sim/execute.cpp includes …".
std::vector<std::string> rooms_without_a_row(std::vector<source_file> const&);
std::vector<std::string> wrong_directions(std::vector<source_file> const&);
std::vector<std::string> strangers(std::vector<source_file> const&); // third-party libraries outside their rooms

// Returns the files of the command line that write files by themselves. Only cli/terminal/files.cpp may: it spares the
// inputs.
std::vector<std::string> unguarded_writers(std::vector<source_file> const&);

} // namespace shutdown_repro::tests
