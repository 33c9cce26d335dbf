// Derives the command line that runs a recorded execution again, from its trace alone.
#pragma once
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

// Returns a command line for a POSIX shell that runs the scenario of the trace's header in its world and under its
// schedule, or "" when the header has no scenario that `run` accepts.
std::string again_line(traces::header const&);

} // namespace shutdown_repro::cli
