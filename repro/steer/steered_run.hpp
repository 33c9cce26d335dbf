// One steered execution of a target: the server under its filter, its clients and its backend, and one step of the
// server at a time.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "repro/steer/act_choice.hpp"
#include "repro/target/target.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro::steer {

struct steer_options {
    std::string stop_at = {}; // name of the step before which the server is told to stop; "": after all
    bool stop_first = false;  // the server handles the stop before that step, if it can; else it is pending meanwhile
    act_chooser* chooser = nullptr;          // of the order in which the clients act; null: the default order
    std::string partial_path = {};           // file for the trace when this process is interrupted; "" for none
    std::vector<std::string> arguments = {}; // of `run`, which repeat the execution; for the header of the trace
};

// Returns why this target can't be steered, or "".
std::string why_not_steered(target const&);

// Runs the target once. A stop point that was not reached, and all that was not steered, are problems of the trace.
// Throws input_error, interruption (child_story.hpp).
traces::trace run_steered(target const&, steer_options const&);

} // namespace shutdown_repro::repro::steer
