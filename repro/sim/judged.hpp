// One simulated execution under a schedule, with its trace and what the rules say of it.
#pragma once
#include <vector>
#include "repro/schedule/decision.hpp"
#include "repro/sim/execute.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::repro {

struct judged_execution {
    traces::trace trace;
    std::vector<traces::violation> violations;
    schedule taken;
    std::vector<std::vector<alternative>> offered; // at each decision
    std::string diverged;                          // where it left the schedule, "" when it did not
    traces::verdict verdict = traces::verdict::inconclusive;
};
judged_execution judge_execution(scenario const&, schedule const&);

} // namespace shutdown_repro::repro
