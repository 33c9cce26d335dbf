#include "server_under_test/reactor/signal_sender.hpp"
#include <csignal>

namespace shutdown_repro::server {

signal_sender::signal_sender(reactor_config const& c, traces::sink& to)
    : to_(to),
      signal_(c.what == stop_action::stop ? SIGTERM : SIGQUIT) {
    if (c.when == stop_moment::signal) left_ = parse_stop_points(c.signal_at);
}

void signal_sender::put(traces::event const& e) {
    to_.put(e);
    for (stop_point& p : left_)
        if (p.what == e.what && p.count && --p.count == 0) world->send_signal(signal_, e.seq);
}

} // namespace shutdown_repro::server
