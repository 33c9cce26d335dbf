// The polled kernel for real: TCP on 127.0.0.1, poll(2), CLOCK_MONOTONIC, signals through a descriptor of their own.
//
// The kernel gives a closed socket's number to the next one; the seam promises numbers that only grow. So they are ours, and
// stand for the kernel's as long as the socket is open.
//
// poll(2) answers in the order in which it is asked: the kernel prefers nobody. An order that nothing decides is therefore
// drawn, each time anew, as the original's hash tables do; the seed makes the draws repeatable, and the loop records each.
//
// Time: as the TCP world, it sets the clock that the recorder reads, whenever time may have passed or somebody else may
// have acted.
#pragma once
#include <csignal>
#include <random>
#include <vector>
#include "server_under_test/worlds/polling.hpp"

namespace shutdown_repro::server {

class poll_world final : public polling_world {
public:
    // `clock` is what the recorder reads. Both outlive the world.
    poll_world(traces::recorder&, nanoseconds& clock, std::uint32_t seed);
    ~poll_world() override; // closes every socket
    poll_world(poll_world const&) = delete;

    // From now on, in this thread, SIGINT, SIGTERM and SIGQUIT end no process but a poll.
    void take_signals();

    nanoseconds now() const override;
    descriptor listen(std::uint16_t& port, std::string& error) override;
    descriptor accept(descriptor listening) override;
    descriptor connect(std::uint16_t port) override;
    io_result read(descriptor, std::span<char> into) override;
    io_result write(descriptor, std::string_view) override;
    void close(descriptor) override;
    bool poll(std::span<interest>, std::int64_t milliseconds) override; // whoever watches the process kills it, not we
    void send_signal(int number, traces::seq_t because) override;
    arrived_signal take_signal() override;
    decided choose(std::span<alternative const>) override;

private:
    descriptor add(int socket);
    int socket_of(descriptor d) const { return sockets_[static_cast<std::size_t>(d)]; }

    nanoseconds& clock_;
    std::mt19937 draw_;
    std::uint64_t decisions_ = 0;
    std::vector<int> sockets_;         // by our number; closed: -1
    std::vector<arrived_signal> sent_; // by us, and not yet taken
    int signals_ = -1;
    bool signal_waits_ = false;
    sigset_t blocked_before_{};
};

} // namespace shutdown_repro::server
