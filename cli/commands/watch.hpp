// Prints a trace row by row while it is being written.
#pragma once
#include <string>
#include "cli/terminal/output.hpp"
#include "traces/views/filter.hpp"

namespace shutdown_repro::cli {

// Prints the rows that exist and then those that are appended, until the footer. Returns the exit status.
int watch(std::string const& path, traces::filter, output&);

} // namespace shutdown_repro::cli
