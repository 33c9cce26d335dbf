// The rules' judgement of one trace, and all that a report says about it.
#pragma once
#include <string>
#include <vector>
#include "traces/rule.hpp"

namespace shutdown_repro::cli {

struct judgement {
    traces::verdict verdict = traces::verdict::inconclusive;
    std::vector<traces::violation> violations;
    std::vector<traces::rule_run::skipped> not_applicable;
    std::vector<std::string> problems;   // why the trace is not complete
    std::uint64_t events = 0;
    traces::nanoseconds span = 0;        // from the first event to the last
    std::string world, schedule, scenario; // the header's; the scenario's name
};

judgement judge(traces::trace const&);
// Streams: memory does not grow with the trace's length. Throws trace_error for what is no trace.
judgement judge_file(std::string const& path);

} // namespace shutdown_repro::cli
