// An execution again: from a trace, or from a scenario and a schedule.
#pragma once
#include <string>
#include "repro/sim/judged.hpp"

namespace shutdown_repro::repro {

// What is replayed: a simulated trace's header, a schedule file, or a scenario's name with a schedule.
struct recording {
    scenario of;
    schedule when;
    traces::trace recorded; // without events when only a schedule is known
};
// A trace, or a document {"format": "shutdown-repro/schedule", "scenario": {…}, "schedule": "3=1"}.
// Throws input_error when it holds no simulated execution, trace_error when it is no trace.
recording load_recording(std::string const& path);
std::string schedule_document(scenario const&, schedule const&);

struct replayed {
    judged_execution again;
    bool same = true;
    // Where they part, when they do: the event's place, both lines ("" where one has ended), and the decision before it.
    traces::seq_t at = 0;
    std::string recorded_line, again_line, decision;
};
replayed replay(recording const&);

} // namespace shutdown_repro::repro
