// Runs one simulated execution under a schedule and judges its trace by the rules.
#pragma once
#include <vector>
#include "repro/schedule/decision.hpp"
#include "repro/sim/execute.hpp"
#include "traces/rules/judge.hpp"

namespace shutdown_repro::repro {

struct judged_execution {
    traces::trace trace;
    traces::judgement judged;
    schedule taken;
    std::vector<std::uint32_t> offered; // the number of alternatives at each decision
    std::string diverged;               // where it diverged from the schedule; "" if it did not
};
judged_execution judge_execution(scenario const&, schedule const&);

} // namespace shutdown_repro::repro
