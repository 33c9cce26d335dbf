// The subcommands, one file each. A subcommand declares its options on the parser and, when the user selects it, stores
// its work in `chosen`. To add one, write its file, declare it here and add it to the list in program.cpp.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include "cli/terminal/output.hpp"

namespace shutdown_repro::cli {

// Returns the exit status (repro/input/errors.hpp).
using job = std::function<int(output&)>;

void add_run(CLI::App&, job& chosen);
void add_explore(CLI::App&, job& chosen);
void add_replay(CLI::App&, job& chosen);
void add_shrink(CLI::App&, job& chosen);
void add_check(CLI::App&, job& chosen);
void add_inspect(CLI::App&, job& chosen);
void add_diff(CLI::App&, job& chosen);
void add_gate(CLI::App&, job& chosen);
void add_list(CLI::App&, job& chosen);
void add_explain(CLI::App&, job& chosen);
void add_merge(CLI::App&, job& chosen);
void add_completion(CLI::App&, job& chosen);

} // namespace shutdown_repro::cli
