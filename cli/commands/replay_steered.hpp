// replay of the trace of a steered server: starts the real server again and stops it at the same step.
#pragma once
#include <string>
#include "cli/terminal/output.hpp"

namespace shutdown_repro::cli {

// Whether the file is such a trace. False for a file that is no trace.
bool is_steered_trace(std::string const& path);

// Compares the steps of each connection, and the verdict. Throws input_error with repro::diverged when one differs.
int replay_steered(std::string const& path, std::string const& new_trace, bool json, output&);

} // namespace shutdown_repro::cli
