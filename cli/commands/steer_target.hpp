// run --target --steer, and the steps that `list stop-points --target` prints: executions of a real server in which one
// step happens at a time (repro/steer).
#pragma once
#include "cli/commands/run_target.hpp"
#include "cli/terminal/output.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::cli {

int run_steered_target(repro::target const&, target_options const&, output&);
int list_steps(repro::target const&, target_options const&, output&);

} // namespace shutdown_repro::cli
