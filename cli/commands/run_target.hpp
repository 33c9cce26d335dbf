// run --target: starts a real server for each execution of each probe, and judges what its clients and the process
// table saw.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include "cli/options/client_options.hpp"
#include "cli/terminal/output.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::cli {

struct target_options {
    std::string what;                 // a preset or a file; "" when only a command is given
    std::vector<std::string> command; // the words after "--"; replaces the command of the target
    std::string probes, slow, stream, signal, signal_to, trace;
    std::string act;     // what is done to the target; "" for what its file says
    std::string adapter; // "" for the adapter of the target, or none
    client_options clients;
    std::string order, schedule, stop_at, free_at; // for programs; order and stop_at also for servers with an adapter
    std::optional<std::int64_t> grace_ms;
    std::optional<std::uint32_t> connections;
    std::uint32_t repeat = 1;
    bool pid1 = false, json = false;
    bool steer = false, stop_first = false; // one step of the server at a time
};

// Returns the arguments of `run` that run one probe again, or a program when `probe` is "".
std::vector<std::string> run_arguments(target_options const&, std::string const& probe, std::uint32_t repeat = 1);
// Returns the command line with these arguments that repeats the run as often as the options say.
std::string again_line(target_options const&, std::string const& probe);

repro::target target_chosen_by(target_options const&);
int run_target(target_options const&, output&);
int list_stop_points(target_options const&, output&); // of a steered target

struct explore_target_options {
    std::uint64_t executions = 0;   // maximum number of stops, or of orders
    std::string keep;               // folder for the traces of the findings; "" is the default
    std::string strategy = "sweep"; // of a server: sweep, orders, random or auto
    std::uint64_t seed = 1;         // of random
    bool json = false;
};
// Stops a server at each of its steps, or runs a program in each of its orders.
int explore_target(target_options const&, explore_target_options const&, output&);

} // namespace shutdown_repro::cli
