// Compares an execution with another one that differs in one thing only, where a cause is named only after that.
#pragma once
#include <string_view>
#include "repro/probe/probe.hpp"

namespace shutdown_repro::repro {

// Judges the trace of an execution, repeats the execution where that would show more, and adds what was found to the
// trace:
// - the stop seems to wait for clients: in the other execution the clients leave sooner, and the exit has to come
//   sooner; or else they leave later, after the time of the first exit, and the exit has to come later;
// - in a PID namespace a process that serves was killed: outside of it, does it outlive the first process?
void compare_with_another(traces::trace&, target const&, std::string_view probe, probe_options const&);

} // namespace shutdown_repro::repro
