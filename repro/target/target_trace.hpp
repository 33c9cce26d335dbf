// Reads the trace that a target wrote itself: one file, and one more for each further process.
#pragma once
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

// Returns the files of all processes as one trace: merged by time, events renumbered, and entities renumbered so that
// those of different processes differ. It has no footer, and files without footers are accepted. Its problems are a
// missing file, invalid lines and a torn last line. With `beside`, entities also differ from those of that trace, and
// events of clients inside the target are left out, because `beside` has the clients that are judged.
traces::trace read_target_trace(std::string const& path, traces::trace const* beside = nullptr);

// Joins `seen`, the events recorded from outside, with the target's own trace. The header names the groups of both.
traces::trace with_target_trace(std::string const& path, traces::trace const& seen);

} // namespace shutdown_repro::repro
