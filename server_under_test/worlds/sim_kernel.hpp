// The simulated kernel for the reactor: in-memory TCP, virtual time that passes only in poll(), and decisions from one
// source. Both ends of every connection are in the same process.
//
// It models what programs can observe: written bytes are in the peer's buffer at once; closing a socket with unread
// bytes resets the peer, and closing a listener resets the connections in its backlog; end of stream and reset are
// always reported.
//
// Time passes only in a poll that finds nothing ready. A loop that always finds something ready, or always has a timer
// of 0 ms, would therefore never end: it spins. The kernel counts the polls at one instant and ends such an execution.
#pragma once
#include <string>
#include <vector>
#include "server_under_test/worlds/alternative.hpp"
#include "server_under_test/worlds/polling.hpp"

namespace shutdown_repro::server {

class sim_kernel final : public polling_world {
public:
    // poll() returns false when the clock reaches `cap`, at more than `most_polls` polls at one instant, and at more
    // than `most_events` events of the execution.
    sim_kernel(traces::recorder&, traces::nanoseconds& clock, decision_source&, traces::nanoseconds cap,
        std::uint64_t most_polls = 10'000, std::uint64_t most_events = 5'000'000);

    traces::nanoseconds now() const override { return clock_; }
    descriptor listen(std::uint16_t& port, std::string& error) override;
    descriptor accept(descriptor listening) override;
    descriptor connect(std::uint16_t port) override;
    io_result read(descriptor, std::span<char> into) override;
    io_result write(descriptor, std::string_view) override;
    void close(descriptor) override;
    bool poll(std::span<interest>, std::int64_t milliseconds) override;
    enum class limit : std::uint8_t { none, cap, polls, events };
    limit reached() const { return reached_; } // the limit that ended the execution
    void send_signal(int number, traces::seq_t because) override;
    arrived_signal take_signal() override;
    void only(alternative const& a) override { decide_.only(a); }
    decided choose(std::span<alternative const> offered) override { return {decide_.choose(offered), decisions_++}; }

private:
    struct socket {
        bool open = true, ended = false, reset = false; // ended: the peer will send no more bytes
        std::uint16_t port = 0;                         // set for a listener
        descriptor peer = no_descriptor;
        std::string unread, early;       // early: bytes written before the server accepted
        std::vector<descriptor> backlog; // of a listener: waiting clients, the oldest first
    };
    descriptor add(socket s);
    socket& at(descriptor h) { return sockets_[static_cast<std::size_t>(h - first_descriptor)]; }
    bool check_readiness(interest&);

    static constexpr descriptor first_descriptor = 3;
    traces::nanoseconds& clock_;
    decision_source& decide_;
    traces::nanoseconds cap_;
    std::uint64_t most_polls_, most_events_;
    limit reached_ = limit::none;
    traces::nanoseconds instant_ = 0; // of the latest poll
    std::uint64_t polls_at_instant_ = 0;
    std::uint64_t decisions_ = 0;
    std::vector<socket> sockets_;
    std::vector<arrived_signal> signals_;
};

} // namespace shutdown_repro::server
