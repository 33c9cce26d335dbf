// Sends the signal that stops the reactor program at the moment when an event of its stop points is recorded.
#pragma once
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/worlds/control.hpp"
#include "server_under_test/worlds/polling.hpp"

namespace shutdown_repro::server {

class signal_sender final : public traces::sink {
public:
    // Forwards events to `to`, which must outlive it. Sends nothing unless the program is stopped by a signal.
    signal_sender(reactor_config const&, traces::sink& to);
    void put(traces::event const&) override;
    polling_world* world = nullptr; // the world of the process; set it before the first event

private:
    traces::sink& to_;
    std::vector<stop_point> left_; // each counts down the remaining events of its kind
    int signal_;
};

} // namespace shutdown_repro::server
