// The subcommands. Each is one file: it declares its options on the parser and, when it was chosen, leaves what is to be done
// in `chosen`. A new one is its file, a line here and a row in main.cpp.
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
