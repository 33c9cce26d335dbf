#include "repro/scripts/script_tools.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

namespace {

constexpr std::int64_t late_ms = 300, hold_ms = 400;
constexpr traces::nanoseconds most_of_rest = 1'000 * traces::millisecond;

std::int64_t rest_ms(probe_run const& run) { return std::min(run.rest_took(), most_of_rest) / traces::millisecond; }

} // namespace

std::int64_t late_after(probe_run const& run) { return late_ms + rest_ms(run); }
std::int64_t hold_after(probe_run const& run) { return hold_ms + rest_ms(run); }

std::string status_in_words(probe_run& run) {
    for (auto const& c : run.clients())
        if (c->answered()) return " with status " + std::to_string(c->last_status());
    return {};
}

std::size_t count_waiting(probe_run& run) {
    return count(run, [](probe_client const& c) { return c.connected() && c.waits(); });
}

} // namespace shutdown_repro::repro
