// Results of gates for the tests of reports: an ordinary one, and one with hostile texts everywhere.
#pragma once
#include <string>
#include <vector>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::cli_tests {

// One check of each outcome, and a reproducer that reproduces.
repro::gate_result ordinary_gate();
std::vector<std::string> const& attacks();
// Returns a check for each hostile text and outcome, with that text in each of its fields.
repro::gate_result hostile_gate();

} // namespace shutdown_repro::cli_tests
