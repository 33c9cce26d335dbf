// The stop of a server that still starts: right after exec, at each of its first steps that can be seen, and at shares
// of the time that its start takes. It has to exit within the grace; it must not become ready and stay.
#pragma once
#include <string>
#include "repro/probe/probe.hpp"

namespace shutdown_repro::repro {

enum class start_step : std::uint8_t {
    exec,   // its program was just executed
    fork,   // it has forked a process
    output, // it has written a line
    log,    // it has written the line that the target names
    time,   // so much time has passed
    port,   // its port has just opened
};

struct start_moment {
    start_step step = start_step::exec;
    traces::nanoseconds after = 0; // of start_step::time: since the start
    std::string in_words() const;  // "right after exec"
};

// Stops the target at one moment of its start after the other, each in an execution of its own, until one is violated.
// Returns that trace, else one that is inconclusive, else the last. Moments that a start does not have are left out.
traces::trace run_startup(target const&, probe_options const&);

} // namespace shutdown_repro::repro
