// Exports a trace in the format of another tool, to standard output or to a file.
#pragma once
#include <string>
#include "cli/terminal/output.hpp"
#include "traces/views/filter.hpp"

namespace shutdown_repro::cli {

// Exports the events that the filter accepts. `format` is one of traces::export_formats; `file` "" is standard output.
// Returns the exit status.
int export_trace(std::string const& path, std::string const& format, std::string const& file, traces::filter, output&);

} // namespace shutdown_repro::cli
