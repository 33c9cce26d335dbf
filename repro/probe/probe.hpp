// Real servers around their stop. A probe is what clients do around it: one probe an execution, because mixed ones hide the
// cause. Every step is taken when something was observed (the backend has the request, the first byte was read, the server has
// read half a head), and none because some time has passed; every wait has an end.
//
//   target (target.hpp)          whose server, and how it is started and stopped
//   probes.cpp                   what each probe does: opens clients, knows when the stop may come, acts after it
//   probe_run.cpp                one execution: starts the server, waits, stops it, watches it end, sweeps up
//   probe_clients, slow_backend  the two ends of a request
//   child_story                  the server's process: what it says, how it ends
//   process_tree, guardian       who belongs to the server, and that nobody of them is left
//
// The trace is all that clients and the process table saw: nothing is known from inside the server.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include "repro/target/target.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

struct probe_info {
    std::string_view name, summary;
};
std::span<probe_info const> all_probes(); // in the order in which they are run
// Why this target can't be probed so, with the remedy; "" when it can.
std::string why_not(target const&, std::string_view probe);

struct probe_options {
    std::uint32_t connections = 20;
    std::string order = {};   // of a target with an adapter, see white_box
    std::string stop_at = {}; // a point of it, at which one of its processes is held while the stop comes; "" for none
    std::string partial_path = {}; // where the trace goes when we are interrupted; "" = nowhere
};

// One execution. Throws input_error: unknown probe; no start (exit status 3), with what the server said; a port in use …
// Throws interrupted (child_story.hpp) when we are asked to end. Nothing of the server is left in any case.
traces::trace run_probe(target const&, std::string_view probe, probe_options const& = {});

} // namespace shutdown_repro::repro
