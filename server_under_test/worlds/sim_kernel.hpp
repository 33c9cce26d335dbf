// The simulated kernel for the reactor: in-memory TCP, virtual time that passes only in poll(), and decisions from one
// source. Both ends of every connection are in the same process.
//
// It models what programs can observe: written bytes are in the peer's buffer at once; closing a socket with unread
// bytes resets the peer, and closing a listener resets the connections in its backlog; end of stream and reset are
// always reported.
#pragma once
#include <string>
#include <vector>
#include "server_under_test/worlds/alternative.hpp"
#include "server_under_test/worlds/polling.hpp"

namespace shutdown_repro::server {

class sim_kernel final : public polling_world {
public:
    // The simulated process is killed when the clock reaches `cap`.
    sim_kernel(traces::recorder&, nanoseconds& clock, decision_source&, nanoseconds cap);

    nanoseconds now() const override { return clock_; }
    descriptor listen(std::uint16_t& port, std::string& error) override;
    descriptor accept(descriptor listening) override;
    descriptor connect(std::uint16_t port) override;
    io_result read(descriptor, std::span<char> into) override;
    io_result write(descriptor, std::string_view) override;
    void close(descriptor) override;
    bool poll(std::span<interest>, std::int64_t milliseconds) override;
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
    nanoseconds& clock_;
    decision_source& decide_;
    nanoseconds cap_;
    std::uint64_t decisions_ = 0;
    std::vector<socket> sockets_;
    std::vector<arrived_signal> signals_;
};

} // namespace shutdown_repro::server
