// Probes of real servers. A probe defines what clients do before and after the server is stopped. An execution has one
// probe, because several at once would hide the cause. Each step is taken when something was observed (the backend has
// the request, the first byte was read, the server has read half of a head), never because time has passed; every wait
// has a timeout.
//
//   repro/target/target          the server, and how it is started and stopped
//   repro/scripts/probes         the probes: each opens clients, observes when the stop may come, and acts after it
//   probe_run, probe_stop        one execution: starts the server, waits, stops it, watches it exit, cleans up
//   probe_act, generations       an act other than a stop; which processes are old and which are new
//   next_start                   whether a Unix path that was left behind hinders the next start
//   startup, leaving             the stop while the server starts; when clients leave that a stop should not wait for
//   compare                      a second execution, where a cause is named only after that
//   controls                     the same without a client, and without a stop: what an execution is compared with
//   repro/clients/               probe_clients and slow_backend, the two ends of a request
//   repro/watch/                 child_story: output and exit of the server; process_tree and guardian: all its
//                                processes, of which none is left
//
// The trace holds what the clients and the process table saw. Without an adapter nothing is known from inside the
// server.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "repro/probe/controls.hpp"
#include "repro/target/target.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

enum class probe_grade : std::uint8_t {
    usual,  // what any server owes its clients
    strict, // windows that few servers close, and moments that are forced
};
std::string_view name_of(probe_grade); // "default", "strict"

struct probe_info {
    std::string_view name, summary;
    probe_grade grade = probe_grade::usual;
};
std::span<probe_info const> all_probes();     // in the order in which they are run
probe_grade grade_of(std::string_view probe); // throws input_error for an unknown probe
// Returns why the probe can't be run against this target, with the remedy; "" when it can.
std::string why_not(target const&, std::string_view probe);

struct probe_options {
    std::uint32_t connections = 20;
    std::string order = {};        // needs an adapter, see white_box
    std::string stop_at = {};      // point at which a process of the target is held during the stop; "" for none
    std::string partial_path = {}; // file for the trace when this process is interrupted; "" for none
    std::vector<std::string> arguments = {}; // of `run`, which repeat the execution; for the header of the trace
    // What the execution is compared with, if it was measured; must stay valid. A longer stop at rest is noted in it.
    target_controls* controls = nullptr;
    // Milliseconds after the stop when clients leave that a stop should not wait for; nothing for a moment that follows
    // from the controls.
    std::optional<std::int64_t> leave_at_ms = {};
};

// Runs one execution and returns its trace. Throws input_error for an unknown probe or a port in use, and when the
// server does not start (exit status 3, with the output of the server). Throws interrupted (child_story.hpp) on SIGINT
// and SIGTERM. In any case no process of the server is left.
traces::trace run_probe(target const&, std::string_view probe, probe_options const& = {});

} // namespace shutdown_repro::repro
