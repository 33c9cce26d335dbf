// The steps of a steered execution at which its server can be stopped.
#pragma once
#include <string>
#include <string_view>
#include <vector>
#include "traces/trace.hpp"

namespace shutdown_repro::repro::steer {

struct stop_point {
    std::string step, what; // what: for people
};
std::vector<stop_point> stop_points_of(traces::trace const&); // those before its stop, in order

// Whether a step is one by its name: not if it finds nothing, or if only time or the machine brings it.
bool is_stop_point(std::string_view step);

} // namespace shutdown_repro::repro::steer
