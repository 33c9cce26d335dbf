// The live world: real TCP over the loopback and CLOCK_MONOTONIC, in one thread. The loop underneath is Boost.Asio's,
// which only tcp_world.cpp includes.
//
// The world sets the clock from which the recorder takes the times of events: before each piece of work, and after each
// read or accept that returned something. So an event caused by another process is never earlier than its cause, and
// sending is never later than its effect, and traces of several processes can be joined by time.
#pragma once
#include <functional>
#include <memory>
#include "server_under_test/worlds/control.hpp"
#include "server_under_test/worlds/world.hpp"

namespace shutdown_repro::server {

// Streams and listeners must be destroyed before their world.
class tcp_world final : public world {
public:
    // The world sets `clock`, which the recorder reads. Recorder and clock must outlive the world.
    tcp_world(traces::recorder&, traces::nanoseconds& clock);
    ~tcp_world() override;

    traces::nanoseconds now() const override { return clock_; }
    void start(timer&, traces::nanoseconds after) override;
    void cancel(timer&) override;
    // Sets `error` on failure, such as "port 8080 is in use (127.0.0.1)".
    std::unique_ptr<listener> listen(std::uint16_t port, std::string& error) override;
    [[noreturn]] void die(std::string_view message) override;

    // From now on SIGINT and SIGTERM call stop() as control:1, between two steps.
    void stop_on_signals();

    // Runs ready work, one piece after the other, and waits for more. The control acts between two pieces. Returns when
    // `over` does (it is called between two pieces), or when only a signal could happen: no work is ready, no timer is
    // armed and no socket is waited for.
    enum class end { over, nothing_left };
    end run(control&, stoppable&, std::function<bool()> const& over);

private:
    struct loop;
    std::unique_ptr<loop> loop_;
    traces::nanoseconds& clock_;
};

} // namespace shutdown_repro::server
