// Results of gates for the tests of reports: an ordinary one, and one in which every text is an attack.
#pragma once
#include <string>
#include <vector>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::cli_tests {

// One check of each outcome, and a reproducer that reproduces.
repro::gate_result ordinary_gate();
std::vector<std::string> const& attacks();
// A check for each attack and outcome; the attack is in each of its texts.
repro::gate_result hostile_gate();

} // namespace shutdown_repro::cli_tests
