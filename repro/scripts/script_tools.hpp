// What the scripts of several probes need.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include "repro/probe/probe_run.hpp"

namespace shutdown_repro::repro {

// Times after the stop, in milliseconds: they grow with the time that the stop takes at rest, so that a slow machine
// does not make a server look late.
std::int64_t late_after(probe_run const&); // new connections should no longer be accepted
std::int64_t hold_after(probe_run const&); // slow requests are answered; the listener is closed by then

std::size_t count(probe_run& run, auto const& condition) {
    return static_cast<std::size_t>(std::ranges::count_if(run.clients(), [&](auto const& c) { return condition(*c); }));
}
bool all(probe_run& run, auto const& condition) { return count(run, condition) == run.clients().size(); }

std::string status_in_words(probe_run&); // " with status 404", of the first client that was answered
std::size_t count_waiting(probe_run&);   // clients that are connected and wait for a response

} // namespace shutdown_repro::repro
