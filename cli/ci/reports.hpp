// What a gate saw, for those who read it instead of a person: CI systems. Each format is a file here and a pure function of
// the result: no clock, no locale, no environment.
//
// What a gate tells is somebody else's text: names of scenarios, messages of a server, file names. No writer lets any of it
// become markup, a command, a line of its own or an invalid document.
#pragma once
#include <string>
#include <string_view>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::cli {

// JUnit's XML, as Jenkins (junit and xunit plugins) and GitLab read it: a suite for the gate, a case for a check. What failed
// or is stale is a failure, what is inconclusive an error; nothing counts as skipped, which they take for passed.
std::string as_junit(repro::gate_result const&);

// SARIF 2.1.0, one run: a result for each violation that nobody expected and for each check that failed without one, at the
// check's line; its witness as a code flow, through the lines of the trace when it was kept. What the baseline knows is there,
// suppressed. `exit_status` is the gate's.
std::string as_sarif(repro::gate_result const&, int exit_status);

// TAP 14, a test point with a YAML block for a check.
std::string as_tap(repro::gate_result const&);

// GitHub's workflow commands: an annotation for each check that did not pass, a line each.
std::string as_github(repro::gate_result const&);
// `text` between two commands that make GitHub take nothing in it for a command, whatever it holds.
std::string without_github_commands(std::string_view text);
// Markdown for the page of a workflow run, of at most `most` bytes: what did not pass first.
std::string as_step_summary(repro::gate_result const&, std::size_t most);

} // namespace shutdown_repro::cli
