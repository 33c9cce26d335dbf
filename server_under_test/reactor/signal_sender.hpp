// Sends the signal that stops the reactor program, in the moment in which a fact of its stop points is recorded.
#pragma once
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/worlds/control.hpp"
#include "server_under_test/worlds/polling.hpp"

namespace shutdown_repro::server {

class signal_sender final : public traces::sink {
public:
    // Forwards to `to`, which must outlive it. Sends nothing unless the config says that a signal stops.
    signal_sender(reactor_config const&, traces::sink& to);
    void put(traces::event const&) override;
    polling_world* world = nullptr; // whose process it is; set before the first fact

private:
    traces::sink& to_;
    std::vector<stop_point> left_; // each counts down the events of its kind that are still to come
    int signal_;
};

} // namespace shutdown_repro::server
