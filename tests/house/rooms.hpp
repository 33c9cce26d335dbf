// The rooms of the house: which room may include which, and where a library of others may be used.
#pragma once
#include "tests/house/sources.hpp"

namespace shutdown_repro::tests {

// Each function returns one line for each violation, "repro/sim/execute.cpp includes …"; empty when there is none.
std::vector<std::string> rooms_without_a_row(std::vector<source_file> const&);
std::vector<std::string> wrong_directions(std::vector<source_file> const&);
std::vector<std::string> strangers(std::vector<source_file> const&); // libraries of others outside their rooms

} // namespace shutdown_repro::tests
