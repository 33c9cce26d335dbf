// Replays an execution from a trace, or from a scenario and a schedule.
#pragma once
#include <string>
#include <utility>
#include "repro/input/errors.hpp"
#include "repro/sim/judged.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

// The trace of a live execution, which can't be replayed. Its message names the file and its world, without a remedy.
struct not_simulated : input_error {
    not_simulated(std::string const& what, traces::header h) : input_error(what), head(std::move(h)) {}
    traces::header head;
};

// An execution to replay: from the header of a simulated trace, from a schedule file, or from a scenario with a
// schedule.
struct recording {
    repro::scenario scenario;
    repro::schedule schedule;
    traces::trace recorded; // empty when only a schedule is known
    bool is_trace = false;  // whether `recorded` is known, and the replay has to be the same
};
// Loads a trace, or a document {"format": "shutdown-repro/schedule", "scenario": {…}, "schedule": "3=1"}.
// Throws input_error when it has no simulated execution, trace_error when it is not a trace.
recording load_recording(std::string const& path);
std::string schedule_document(scenario const&, schedule const&);

struct replay_result {
    judged_execution again;
    bool same = true;
    // Where the executions first differ, if they do: the number of the event, both lines ("" if one has ended), and the
    // decision before it. The footers are compared last.
    traces::seq_t at = 0;
    std::string recorded_line, again_line, decision;
};
replay_result replay(recording const&);

} // namespace shutdown_repro::repro
