// Graceful interruption: the first Ctrl-C ends long work with the results so far, a second one ends the process.
#pragma once
#include <atomic>

namespace shutdown_repro::cli {

std::atomic<bool> const& asked_to_stop();

// While an object exists, SIGINT, SIGTERM, SIGHUP and SIGQUIT set asked_to_stop(), unless they were ignored before.
class signal_guard {
public:
    signal_guard();
    ~signal_guard();
    signal_guard(signal_guard const&) = delete;

private:
    void (*before_[4])(int) = {};
};

} // namespace shutdown_repro::cli
