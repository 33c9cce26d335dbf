// explore --target: stops a real server at each step of its default order, lets its clients act in each order or in
// random orders (repro/steer), and groups what goes wrong.
#pragma once
#include <cstdint>
#include <string>
#include "cli/commands/run_target.hpp"
#include "cli/terminal/output.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::cli {

struct sweep_options {
    std::uint64_t executions = 0;   // maximum number of stops, and of orders
    std::string keep;               // folder for the traces of the findings; "" is the default
    std::string strategy = "sweep"; // sweep, orders, random, or auto: one after the other
    std::uint64_t seed = 1;         // of random
    bool json = false;
};
int sweep_target(repro::target const&, target_options const&, sweep_options const&, output&);

} // namespace shutdown_repro::cli
