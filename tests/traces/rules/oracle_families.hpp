// The families of the oracle: each says what its rules report in a trace.
#pragma once
#include <map>
#include <set>
#include <string_view>
#include "tests/traces/rules/oracle_facts.hpp"

namespace shutdown_repro::traces {

inline constexpr int never = trace_facts::never;
inline constexpr ref main_process{entity::process, 1};

using refs = std::set<ref>;
using verdicts = std::map<std::string_view, refs>; // the subjects of each rule of the family, also if there are none

verdicts inside_verdicts(trace_facts const&, bool complete);
verdicts client_verdicts(trace_facts const&);
verdicts time_verdicts(trace_facts const&);
verdicts process_verdicts(trace_facts const&);
verdicts act_verdicts(trace_facts const&);
// How the process ended, by what the other families report.
verdicts end_verdicts(trace_facts const&, bool complete, verdicts const& others);

} // namespace shutdown_repro::traces
