// Runs a target that is a program (repro/target/program_run.hpp) to its end, in one order or in every order.
#pragma once
#include <cstdint>
#include <string>
#include "cli/terminal/output.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::cli {

struct program_options {
    std::string order, schedule, stop_at, free_at, trace;
    std::string again;                  // the command line that runs it again
    std::vector<std::string> arguments; // of `run`, which do so once
    std::uint32_t repeat = 1;
    bool json = false;
};
int run_program_target(repro::target const&, program_options const&, output&); // run --target

struct each_order_options {
    std::uint64_t executions = 0; // maximum number of executions
    std::string keep;             // folder for the traces of the findings; "" is the default
    bool json = false;
};
// explore --target; `name_or_file`: as the user named the target.
int explore_program_target(repro::target const&, std::string const& name_or_file, each_order_options const&, output&);

} // namespace shutdown_repro::cli
