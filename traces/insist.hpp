// What must hold in this program itself, checked in all builds.
#pragma once
#include <source_location>

namespace shutdown_repro::traces {

// Writes to standard error what had to hold, where, the version, and the request to report it; then the process exits
// with status 70 at once: no destructor runs and no core is dumped.
[[noreturn]] void report_our_bug(char const* must_hold, std::source_location const&) noexcept;

// A condition that is false is a bug of this program, never of a server, a trace or the environment. `must_hold` is a
// plain sentence. The condition is evaluated each time, so it has to be cheap where it is often checked.
inline void insist(
    bool condition, char const* must_hold, std::source_location const& where = std::source_location::current()) {
    if (!condition) [[unlikely]]
        report_our_bug(must_hold, where);
}

} // namespace shutdown_repro::traces
