// What can't be tried on this machine is said, and CTest reports the test as skipped, but not when something of it
// failed.
#pragma once
#include <string>

namespace shutdown_repro::tests {

constexpr int skipped_status = 77; // of a program of whose tests one was skipped, wholly or in part, and none failed

void skip(std::string const& why);

} // namespace shutdown_repro::tests
