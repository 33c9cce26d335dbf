// Going through every order, one execution after the other, as an odometer counts: the last decision with an untried
// choice takes that choice, and all later decisions start again from choice 0.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "repro/schedule/decision.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

// One decision of an execution: what was chosen, of how many.
struct taken_decision {
    std::uint32_t choice, of;
};

// Turns the decisions of an execution into the first ones of the next. Returns false after the last execution.
bool advance(std::vector<taken_decision>&);

// The decisions that a trace records, in their order, and their schedule.
std::vector<taken_decision> decisions_of(traces::trace const&);
schedule schedule_of(std::vector<taken_decision> const&);
// The schedule of the decisions that a trace records, as text; "" when it records none.
std::string schedule_of(traces::trace const&);

} // namespace shutdown_repro::repro
