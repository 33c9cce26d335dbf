// Checks of a file: the lengths of its lines and functions, and the files that its comments name.
#pragma once
#include "tests/house/sources.hpp"

namespace shutdown_repro::tests {

inline constexpr std::size_t longest_line = 120, longest_function = 60, longest_file = 600;
inline constexpr std::size_t longest_test = 100; // a test may be a long sequence of steps or a table of cases

// Each function returns one line for each violation, such as "repro/sim/execute.cpp:12 …".
std::vector<std::string> long_lines(
    source_file const&); // lengths are columns, not bytes; literals in tests may be longer
std::vector<std::string> long_functions(
    source_file const&); // counts from the first line of the heading to the closing brace
std::vector<std::string> long_files(source_file const&);
std::vector<std::string> names_taken_over(source_file const&); // finds `using` of a name or a namespace in a header
std::vector<std::string> files_that_do_not_exist(
    source_file const&); // files that a comment names, but that do not exist
// The members of a rule that hold one value although the trace may have several servers, loops, scopes or processes. A
// member whose type is wrapped in of_trace<> says that there is only one of what it is about.
std::vector<std::string> members_of_one_server(source_file const&);

} // namespace shutdown_repro::tests
