// Derives the command line that runs a recorded execution again, from its trace alone.
#pragma once
#include <string>
#include <vector>
#include "repro/sim/replay.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

// Returns a command line for a POSIX shell that repeats the execution of the trace: its scenario in its world and under
// its schedule, or its target with the options that it was run with. A scenario or a target that came from a file is
// part of the line. Returns "" when the header does not have all that `run` needs.
std::string again_line(traces::header const&);

// Loads a trace or a schedule file for a replay. The error for the trace of a live execution names the command that
// simulates its scenario, or that runs its target again.
repro::recording recording_in(std::string const& path);

// "shutdown-repro run …"
std::string run_line_of(std::vector<std::string> const& arguments);

} // namespace shutdown_repro::cli
