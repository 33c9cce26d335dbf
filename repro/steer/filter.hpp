// The seccomp filter under which a steered server runs. Each steered call notifies the listener; all others pass.
#pragma once
#include <linux/filter.h>
#include <vector>

namespace shutdown_repro::repro::steer {

// Calls of other ABIs (32-bit programs, x32) notify the listener, too, so that they are not missed.
std::vector<sock_filter> filter_program();

} // namespace shutdown_repro::repro::steer
