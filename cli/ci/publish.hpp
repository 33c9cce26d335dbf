// Options for the reports of a gate, and the functions that write them.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include "cli/terminal/output.hpp"
#include "repro/gate/gate.hpp"

namespace shutdown_repro::cli {

struct report_options {
    std::string junit, sarif; // paths; "" when not asked for
    bool github = false, tap = false;
};
void add_report_options(CLI::App&, report_options&);

// Throws input_error when two reports go to standard output, or when the folder of a file does not exist. Called before
// the gate runs.
void expect_possible(report_options const&, bool json);
// Throws input_error when a report would replace one of `paths`, which are inputs.
void expect_spared(report_options const&, std::vector<std::string> const& paths);

// Writes reports that say why the gate could not run, so that a CI system does not read those of the last run. Replaces
// only files that are reports. `file` is the gate file; `why` may begin with it and a line number.
void publish_failure(report_options const&, std::string const& file, std::string const& why, output&);

// Writes the report files, and prints `text` or its replacement (--tap, --github) on standard output. Returns `status`.
// A report that can't be written is an error on standard error, and then a status of 0 becomes an error status.
int publish(report_options const&, repro::gate_result const&, std::string const& text, int status, output&);

} // namespace shutdown_repro::cli
