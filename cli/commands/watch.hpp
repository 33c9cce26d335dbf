// A trace that is still being written, row by row.
#pragma once
#include <string>
#include "cli/terminal/output.hpp"
#include "traces/views/filter.hpp"

namespace shutdown_repro::cli {

// Prints what is there and then what is appended, until the footer; gives the exit status.
int watch(std::string const& path, traces::filter, output&);

} // namespace shutdown_repro::cli
