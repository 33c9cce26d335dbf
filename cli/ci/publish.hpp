// Which reports of a gate are asked for, and how they get to their readers.
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include "cli/terminal/output.hpp"
#include "repro/gate/gate.hpp"

namespace shutdown_repro::cli {

struct report_options {
    std::string junit, sarif; // files; "" for none
    bool github = false, tap = false;
};
void add_report_options(CLI::App&, report_options&);

// Complains before anything is run: two want standard output, or there is no folder for a file.
void expect_possible(report_options const&, bool json);
// Complains of a report that would replace a file that is read.
void expect_spared(report_options const&, std::vector<std::string> const& paths);

// For those who look for a report where none could be made, as that of the last run may lie there: it says why. Replaces nothing
// but a report. `file`: the gate's, which the error may name with a line.
void publish_failure(report_options const&, std::string const& file, std::string const& why, output&);

// Writes the files and prints `text`, or what stands for it, on standard output. Returns the exit status: `status`, also when a
// report could not be written, which is then told on standard error; but what is incomplete is never clean.
int publish(report_options const&, repro::gate_result const&, std::string const& text, int status, output&);

} // namespace shutdown_repro::cli
