// explore --target: stops a real server at each step of its default order (repro/steer), and groups what goes wrong.
#pragma once
#include <cstdint>
#include <string>
#include "cli/commands/run_target.hpp"
#include "cli/terminal/output.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::cli {

struct sweep_options {
    std::uint64_t executions = 0; // maximum number of stops
    std::string keep;             // folder for the traces of the findings; "" is the default
    bool json = false;
};
int sweep_target(repro::target const&, target_options const&, sweep_options const&, output&);

} // namespace shutdown_repro::cli
