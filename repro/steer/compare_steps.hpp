// Compares the steps of two executions of a steered server.
#pragma once
#include <optional>
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::repro::steer {

struct step_difference {
    std::string of;              // whose steps differ: "client:2"; "" for the order among connections
    std::string recorded, again; // the first step that differs; "" when the execution had no more
};

// Returns where the steps of a connection differ first, or nothing when each connection has the same steps.
std::optional<step_difference> difference_by_connection(traces::trace const& recorded, traces::trace const& again);
// Returns where the sequence of all steps differs first.
std::optional<step_difference> difference_in_all(traces::trace const& recorded, traces::trace const& again);

} // namespace shutdown_repro::repro::steer
