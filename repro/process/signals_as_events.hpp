// SIGINT and SIGTERM become readable instead of ending us, as long as this lives.
#pragma once
#include <csignal>
#include "repro/process/child_process.hpp"

namespace shutdown_repro::repro {

class signals_as_events {
public:
    signals_as_events();
    ~signals_as_events();
    signals_as_events(signals_as_events const&) = delete;
    int get() const { return fd_.get(); } // readable when there is one
    int take() const;                     // 0 when there is none

private:
    sigset_t before_;
    descriptor fd_;
};

} // namespace shutdown_repro::repro
