// A target that is a program (repro/target/program_run.hpp): run to its end in the orders that are asked for, or in each that there is.
#pragma once
#include <cstdint>
#include <string>
#include "cli/terminal/output.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::cli {

struct program_options {
    std::string order, schedule, stop_at, free_at, trace;
    std::string again; // the command line that does it again
    std::uint32_t repeat = 1;
    bool json = false;
};
int run_program_target(repro::target const&, program_options const&, output&); // run --target

struct each_order_options {
    std::uint64_t executions = 0; // at most so many
    std::string keep;             // where the traces of the findings go
    bool json = false;
};
int explore_program_target(std::string const& name_or_file, each_order_options const&, output&); // explore --target

} // namespace shutdown_repro::cli
