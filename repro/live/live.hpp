// Runs one execution of a scenario in the live world. The server is a process of its own, and the clients run in this
// process on libcurl. Readiness is observed, never waited for by sleeping. The events of the server, of the clients and
// of the process table are joined into one trace. The clients of the reactor share its loop and therefore its process;
// decisions there are drawn at random, and the schedule of the trace records them.
#pragma once
#include <string>
#include "repro/scenario/scenario.hpp"
#include "repro/watch/child_story.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

struct live_options {
    std::string server_path;  // the executable server-under-test; "" to search for it, see find_server()
    std::string partial_path; // file for the trace when this process is interrupted; "" for none
    std::int64_t patience_ms =
        10'000; // time until the server must listen; also the time after the grace period until it counts
                // as hung and is killed (the reactor has a cap in its scenario)
};

// Returns why a scenario can't run in the live world; "" when it can.
std::string why_not_live(scenario const&);

// Returns the trace. Throws input_error, with the remedy, for a reason of why_not_live(), a missing executable, a
// server that does not start (for example because its port is in use), or too few descriptors. On SIGINT or SIGTERM it
// kills the child, keeps the partial trace and throws interruption.
traces::trace run_live(scenario const&, live_options const&);

// Returns the path of the executable. Throws input_error that says where it looked and how to build it.
std::string find_server(std::string const& wanted);

} // namespace shutdown_repro::repro
