// Runs a program that serves, sends its own requests and stops itself, such as the script of a report, to its end with
// an adapter. This process runs no clients and sends no stop; it only chooses which handle is served first.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>
#include "repro/target/adapter.hpp"
#include "repro/target/target.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

struct program {
    std::string name;
    std::string package = {};         // the Debian package of the program; "" if unknown
    std::vector<std::string> command; // {port} and {folder} are replaced, here and in the next two
    std::vector<std::pair<std::string, std::string>> files; // written into {folder} before the start
    std::vector<std::pair<std::string, std::string>> environment;
    std::string adapter;
    std::string described = {};      // JSON for the header of the trace; "" for nothing
    std::int64_t within_ms = 20'000; // if it has not exited by then, it is killed and its trace is never clean
};

// Returns the program of a target for which target::program is set. `arguments`: see to_json_text().
program program_of(target const&, std::vector<std::string> const& arguments = {});

// The order of one execution.
struct program_order {
    std::string order = {}; // "client-first", "server-first" or "": see white_box
    std::optional<schedule> decisions = {};
    std::string stop_at = {},
                free_at = {};      // points at which it is held and told to stop or free, such as "request.begin#2"
    std::string partial_path = {}; // file for the trace when this process is interrupted; "" for none
};

// Runs the program once. Returns its events, its standard error and its exit as a trace. A scheduled choice that the
// program did not offer is a problem of the trace. Throws input_error, interrupted (child_story.hpp).
traces::trace run_program(program const&, program_order const&);

// Runs the program in every order of its decisions, depth first, up to `most` executions. Calls `seen` after each
// execution and stops when that returns false. Returns whether all orders were run.
bool run_each_order(
    program const&, std::uint64_t most, std::function<bool(schedule const&, traces::trace const&)> const& seen);

} // namespace shutdown_repro::repro
