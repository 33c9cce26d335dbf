// How to see a recorded execution again, from its trace alone.
#pragma once
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

// A command line that runs the scenario of the trace's header in its world under its schedule, for a POSIX shell, in
// one line. "" when the header names no scenario of ours.
std::string again_line(traces::header const&);

} // namespace shutdown_repro::cli
