// The texts about a check that all reports share.
#pragma once
#include <string>
#include <vector>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::cli {

// Returns the place of a check, such as "gate.json:14", or "" for a check of the bundled suite.
std::string place_of(repro::check_result const&);
// Returns the first sentence of the reason for the outcome; never "".
std::string headline_of(repro::check_result const&);
// Returns whether the violation fails its check: it is new, or more frequent than the baseline allows.
bool fails(repro::gate_violation const&);
bool in_baseline(repro::gate_violation const&);
// Returns the violations that were seen only together with this root and are judged by it.
std::vector<repro::gate_violation const*> judged_with(repro::gate_violation const& root, repro::check_result const&);
// Return the rules of those that came before the root and led to it, and of those that follow from it, separated by
// ", "; "" when there are none.
std::string rules_before(repro::gate_violation const& root, repro::check_result const&);
std::string rules_after(repro::gate_violation const& root, repro::check_result const&);
// Returns the checks, followed by one that stands for the baseline entries without a check, if there are any.
std::vector<repro::check_result> all_of(repro::gate_result const&);
// Returns the lines for people: the reasons, then each violation with the live members of the scope, its witness and
// the command to run it again. Each is one printable line; their number is limited.
std::vector<std::string> check_lines(repro::check_result const&);
// Joins lines with line feeds.
std::string joined(std::vector<std::string> const& lines);
// Makes one printable line of a length that every reader accepts.
std::string line_of(std::string_view);

} // namespace shutdown_repro::cli
