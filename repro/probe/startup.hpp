// The stop of a server that still starts: right after exec, at each of its first steps that can be seen, and at shares
// of the time that its start takes. It has to exit within the grace; it must not become ready and stay.
#pragma once
#include <string>
#include <vector>
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

// What became of the moment of an execution.
enum class moment_state : std::uint8_t {
    met,     // the server was stopped at it
    absent,  // the start has no such moment
    late,    // the server was ready by the time at which this program saw it
    untold,  // the command that stops the server fails at it
    skipped, // a moment before it is violated
};

struct tried_moment {
    std::string when, why_not; // "right after exec"; why the server was not stopped then, "" if it was
};

// Stops the target at one moment of its start after the other, each in an execution of its own, until one is violated.
// Returns that trace, else one that is inconclusive, else the last. Its header names all moments; where this program
// came too late for one, again and again, the trace is inconclusive.
traces::trace run_startup(target const&, probe_options const&);

// Returns the moments that the header of such a trace names; empty for other traces.
std::vector<tried_moment> moments_of_start(traces::trace const&);

} // namespace shutdown_repro::repro
