// Controls: what a target does when no client is connected, and what it answers when nobody stops it. Probes are judged
// by comparison with them.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "repro/clients/answers.hpp"
#include "repro/target/target.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

// The stop of a server to which no client is connected.
struct rest_control {
    traces::nanoseconds took = 0;        // from the stop to the exit: the longest
    std::size_t times = 1;               // that it was measured
    traces::nanoseconds ready_after = 0; // from the start until it was ready
    bool killed = false;                 // it did not exit within the grace
    std::string ended;                   // "status 0", "SIGTERM"
    std::uint64_t left = 0;              // processes that it left
    // The process that serves and ended only when it got the signal itself, after the first process had got it:
    // "process:2 (node)"; "" for none.
    std::string unforwarded;
    std::string trouble; // why it was not measured; "" when it was
};

// The names of the executions that measure the controls.
inline constexpr std::string_view at_rest_probe = "at-rest", one_request_probe = "one-request";

struct target_controls {
    rest_control at_rest;
    std::vector<url_control> urls;
    url_control const* find(target::http_request const&) const;
};

// Returns the requests of the target that the probe's clients send.
std::vector<target::http_request> requests_of(target const&, std::string_view probe);

// Starts the target and stops it without a client, once. Throws as run_probe() does, and like there the trace is
// written to `partial_path` on an interruption.
rest_control measure_rest(target const&, std::string const& partial_path = {});

// Measures the stop without a client, more than once if its time is not clear, and starts the target once more to ask
// for the paths of these probes. Throws as measure_rest() does.
target_controls measure_controls(
    target const&, std::span<std::string const> probes, std::string const& partial_path = {});

// Returns why the probe can't be judged, by what its paths gave without a stop; "" when it can.
std::string why_not_judged(target_controls const&, target const&, std::string_view probe);

} // namespace shutdown_repro::repro
