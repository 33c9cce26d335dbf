// One execution of a scenario in the live world: the server a process of its own, libcurl clients in ours, readiness
// observed and not slept for, everything that server, clients and the process table said joined into one trace.
// The reactor's clients share its loop and hence its process; what was left free there was drawn, and the trace's schedule
// says how.
#pragma once
#include <string>
#include "repro/process/child_story.hpp"
#include "repro/scenario/scenario.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

struct live_options {
    std::string server_path;  // the executable server-under-test; "" = beside us, then libexec, see find_server()
    std::string partial_path; // where the joined trace goes when we are interrupted; "" = nowhere
    std::int64_t patience_ms = 10'000; // beyond the grace, until the server counts as hung and is killed
                                       // (the reactor at its scenario's cap); and until it must listen
};

// What keeps a scenario from the live world; "" when nothing does.
std::string why_not_live(scenario const&);

// Throws input_error: what why_not_live() says, executable missing, no start (port in use …), not enough descriptors; each with the remedy.
// Interrupted by SIGINT or SIGTERM it ends the child, keeps what was recorded and throws interrupted.
traces::trace run_live(scenario const&, live_options const&);

// Throws input_error when there is none: says where it looked and how to build it.
std::string find_server(std::string const& wanted);

} // namespace shutdown_repro::repro
