// While an object exists, SIGINT and SIGTERM make a descriptor readable instead of ending this process.
#pragma once
#include <csignal>
#include "repro/process/child_process.hpp"

namespace shutdown_repro::repro {

class signals_as_events {
public:
    signals_as_events();
    ~signals_as_events();
    signals_as_events(signals_as_events const&) = delete;
    int get() const { return fd_.get(); } // readable when a signal is pending
    int take() const;                     // returns the pending signal, or 0

private:
    sigset_t before_;
    unique_fd fd_;
};

} // namespace shutdown_repro::repro
