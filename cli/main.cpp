// shutdown-repro: reproduces, finds, explains and gates the bugs that servers have while they shut down.
#include "cli/commands/program.hpp"

int main(int argc, char** argv) { return shutdown_repro::cli::run_program(argc, argv); }
