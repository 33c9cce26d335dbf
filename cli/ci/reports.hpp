// Reports of a gate for CI systems. Each format is one file and a pure function of the result: it reads no clock, no
// locale and no environment.
//
// The texts in a result come from others: names of scenarios, messages of a server, file names. A writer escapes them
// all, so that none can become markup, a command or a line of its own, or make the document invalid.
#pragma once
#include <string>
#include <string_view>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::cli {

// JUnit XML as read by Jenkins (junit and xunit plugins) and GitLab: one suite for the gate, one test case per check,
// and one per defect for a check that fails for several defects.
// Failed and stale checks are failures, inconclusive checks are errors. None is skipped, because readers count that as
// passed.
std::string as_junit(repro::gate_result const&);

// SARIF 2.1.0 with one run. It has a result for each unexpected violation, and for each check that failed without one,
// at the line of the check. The witness is a code flow through the lines of the trace, if it was kept. Violations in
// the baseline are suppressed results. `exit_status` is the exit status of the gate.
std::string as_sarif(repro::gate_result const&, int exit_status);

// TAP 14 with one test point and its YAML block per check.
std::string as_tap(repro::gate_result const&);

// GitHub workflow commands: one annotation, on one line, for each check that did not pass.
std::string as_github(repro::gate_result const&);
// Returns `text` between two commands that stop GitHub from reading workflow commands in it.
std::string without_github_commands(std::string_view text);
// Returns Markdown of at most `most` bytes for the page of a workflow run. Checks that did not pass come first.
std::string as_step_summary(repro::gate_result const&, std::size_t most);

} // namespace shutdown_repro::cli
