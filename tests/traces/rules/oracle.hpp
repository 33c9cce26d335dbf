// The sentences of the rules, read literally: each function looks at the whole list of events, as often as it likes,
// and shares no code with the rules.
#pragma once
#include <set>
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// Returns "RULE SUBJECT" for each violation, and "RULE, an error SUBJECT" for each that is an error of a rule whose
// violations mostly are less. `complete` as for rule_run::finish.
std::set<std::string> expected_violations(trace const&, bool complete);

// Rules that need facts from inside the server, and those that read what clients and the process table see.
enum class rule_family : std::uint8_t { inside, outside };
// The rules of a family, and "RULE, an error" where that is said for some violations only.
std::set<std::string> const& rules_of_oracle(rule_family);
std::set<std::string> const& rules_of_oracle(); // of both

} // namespace shutdown_repro::traces
