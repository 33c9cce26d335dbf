// The whole program.
#pragma once

namespace shutdown_repro::cli {

// Runs the command line of main, and returns its exit status. Errors are told on standard error.
int run_program(int argc, char** argv);

} // namespace shutdown_repro::cli
