// The sentences of the rules about lifetimes, loops and the contract of stop, read literally: each function looks at
// the whole list of events, as often as it likes, and shares no code with the rules.
#pragma once
#include <set>
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// Returns "RULE SUBJECT" for each violation of the rules that the oracle knows. `complete` as for rule_run::finish.
std::set<std::string> expected_violations(trace const&, bool complete);
// The rules that the oracle knows.
std::set<std::string> const& rules_of_oracle();

} // namespace shutdown_repro::traces
