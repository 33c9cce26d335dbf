// A program that serves, asks and stops by itself, such as the script of a report, run to its end with an adapter in it. There
// are no clients of ours and no stop of ours: what is ours is who is served first.
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
    std::string package = {};         // the Debian package that has it, "" when not known
    std::vector<std::string> command; // {port} and {folder} are replaced, here and in the next two
    std::vector<std::pair<std::string, std::string>> files; // written into {folder} before the start
    std::vector<std::pair<std::string, std::string>> environment;
    std::string adapter;
    std::int64_t within_ms = 20'000; // then it is killed, and its trace is never clean
};

// Of a target that is one.
program program_of(target const&);

// What is asked of one execution.
struct program_order {
    std::string order = {}; // "client-first", "server-first" or "": see white_box
    std::optional<schedule> decisions = {};
    std::string stop_at = {},
                free_at = {};      // points at which it is held and told so, as in "request.begin#2"; "" for none
    std::string partial_path = {}; // where the trace goes when we are interrupted; "" = nowhere
};

// One execution: its events, what it wrote to its standard error, and its end. A decision that it did not offer as it was
// asked for is a problem of the trace. Throws input_error, interrupted (child_story.hpp).
traces::trace run_program(program const&, program_order const&);

// Each order of its decisions, one execution after the other, the last decision that has a choice left taken first; at most so
// many. False from `seen` ends it. Returns whether all were seen.
bool run_each_order(
    program const&, std::uint64_t most, std::function<bool(schedule const&, traces::trace const&)> const& seen);

// The decisions of a trace: what was taken of how many.
struct taken_decision {
    std::uint32_t choice, of;
};
std::vector<taken_decision> decisions_of(traces::trace const&);

} // namespace shutdown_repro::repro
