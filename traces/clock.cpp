#include "traces/clock.hpp"
#include <ctime>

namespace shutdown_repro::traces {

nanoseconds monotonic_now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return nanoseconds{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

} // namespace shutdown_repro::traces
