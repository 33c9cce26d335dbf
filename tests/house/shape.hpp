// The shape of a file: how long its lines and functions are, and what its comments name.
#pragma once
#include "tests/house/sources.hpp"

namespace shutdown_repro::tests {

inline constexpr std::size_t longest_line = 120, longest_function = 60, longest_file = 600;
inline constexpr std::size_t longest_test = 100; // a test may tell a long story, or be a table of cases

// Each function returns one line for each violation, "repro/sim/execute.cpp:12 …"; empty when there is none.
std::vector<std::string> long_lines(
    source_file const&); // in columns, not bytes; the literals of tests are data and may be longer
std::vector<std::string> long_functions(source_file const&); // from the first line of the heading to the closing brace
std::vector<std::string> long_files(source_file const&);
std::vector<std::string> names_taken_over(
    source_file const&); // `using` of a name or a namespace, in the code of a header
std::vector<std::string> files_that_do_not_exist(source_file const&); // of those that its comments name

} // namespace shutdown_repro::tests
