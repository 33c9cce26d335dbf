// The clock of the trace events, and its units.
#pragma once
#include <cstdint>

namespace shutdown_repro::traces {

using nanoseconds = std::int64_t; // since an arbitrary start: monotonic when live, virtual in the simulated world
inline constexpr nanoseconds millisecond = 1'000'000;

// Returns CLOCK_MONOTONIC, which all processes of a machine share. Never called in the simulated world.
nanoseconds monotonic_now();

} // namespace shutdown_repro::traces
