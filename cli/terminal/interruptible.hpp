// Long work that Ctrl-C ends with what it has so far; a second Ctrl-C ends us.
#pragma once
#include <atomic>

namespace shutdown_repro::cli {

std::atomic<bool> const& asked_to_stop();

// SIGINT and SIGTERM ask to stop, as long as this lives.
class stops_on_signals {
public:
    stops_on_signals();
    ~stops_on_signals();
    stops_on_signals(stops_on_signals const&) = delete;
};

} // namespace shutdown_repro::cli
