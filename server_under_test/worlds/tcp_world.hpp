// The live world: the seam on real TCP over the loopback and CLOCK_MONOTONIC, one thread. The loop underneath is
// Boost.Asio's, which stays in tcp_world.cpp.
//
// Time: the world keeps the clock that the recorder dates facts with. It is read before each piece of work and again after
// each read or accept that brought something. So what another process caused is never dated before its cause, and what we
// send is never dated after its effect: traces of several processes can be joined by their times.
#pragma once
#include <functional>
#include <memory>
#include "server_under_test/worlds/control.hpp"
#include "server_under_test/worlds/world.hpp"

namespace shutdown_repro::server {

// Streams and listeners are destroyed before their world.
class tcp_world final : public world {
public:
    // `clock` is what the recorder reads; the world sets it. Both outlive the world.
    tcp_world(traces::recorder&, nanoseconds& clock);
    ~tcp_world() override;

    nanoseconds now() const override { return clock_; }
    void start(timer&, nanoseconds after) override;
    void cancel(timer&) override;
    // "port 8080 is in use (127.0.0.1)"
    std::unique_ptr<listener> listen(std::uint16_t port, std::string& error) override;
    [[noreturn]] void die(std::string_view message) override;

    // From now on SIGINT and SIGTERM call stop() as control:1, between two steps.
    void stop_on_signals();

    // Runs what is ready, one piece of work after the other, and waits for more. Between two pieces the control acts.
    // Returns once `over` says so (asked between two pieces), or when nothing can ever happen again but a signal: no work
    // is ready, no timer is armed and nobody waits for a socket.
    enum class end { over, nothing_left };
    end run(control&, stoppable&, std::function<bool()> const& over);

private:
    struct loop;
    std::unique_ptr<loop> loop_;
    nanoseconds& clock_;
};

} // namespace shutdown_repro::server
