// A trace in another tool's format, to standard output or a file.
#pragma once
#include <string>
#include "cli/terminal/output.hpp"
#include "traces/views/filter.hpp"

namespace shutdown_repro::cli {

// `format` is one of traces::export_formats; "" for `file` is standard output. Gives the exit status.
int export_trace(std::string const& path, std::string const& format, std::string const& file, traces::filter, output&);

} // namespace shutdown_repro::cli
