// run --target: starts a real server, once for each probe, and judges what its clients and the process table saw.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include "cli/terminal/output.hpp"

namespace shutdown_repro::cli {

struct target_options {
    std::string what;                 // a preset or a file; "" for a command alone
    std::vector<std::string> command; // behind the dashes; instead of the target's
    std::string probes, slow, stream, signal, trace;
    std::string adapter;                           // that looks into it; "" for the target's own, or none
    std::string order, schedule, stop_at, free_at; // of a program; order and stop_at also of a server with an adapter
    std::optional<std::int64_t> grace_ms;
    std::optional<std::uint32_t> connections;
    std::uint32_t repeat = 1;
    bool json = false;
};

// The command line that runs one probe again, or a program ("").
std::string again_line(target_options const&, std::string const& probe);

int run_target(target_options const&, output&);

} // namespace shutdown_repro::cli
