// The real kernel for the reactor: TCP on 127.0.0.1, poll(2), CLOCK_MONOTONIC, and signals through signalfd.
//
// The kernel reuses the number of a closed socket, but this interface promises numbers that only grow. So the world has
// its own numbers, which stand for the kernel's as long as the socket is open.
//
// poll(2) reports handles in the order in which it was asked, so an order that nothing determines is drawn at random
// each time, as the hash tables of the original server do. The seed makes the draws repeatable, and the loop records
// each.
//
// Like the TCP world it sets the clock that the recorder reads whenever time may have passed or another process may
// have acted.
#pragma once
#include <csignal>
#include <random>
#include <vector>
#include "server_under_test/worlds/polling.hpp"

namespace shutdown_repro::server {

class poll_world final : public polling_world {
public:
    // `clock` is read by the recorder. Recorder and clock must outlive the world.
    poll_world(traces::recorder&, traces::nanoseconds& clock, std::uint32_t seed);
    ~poll_world() override; // closes every socket
    poll_world(poll_world const&) = delete;

    // From now on SIGINT, SIGTERM and SIGQUIT end a poll of this thread instead of the process.
    void take_signals();

    traces::nanoseconds now() const override;
    descriptor listen(std::uint16_t& port, std::string& error) override;
    descriptor accept(descriptor listening) override;
    descriptor connect(std::uint16_t port) override;
    io_result read(descriptor, std::span<char> into) override;
    io_result write(descriptor, std::string_view) override;
    void close(descriptor) override;
    bool poll(
        std::span<interest>, std::int64_t milliseconds) override; // always true: only the runner kills the process
    void send_signal(int number, traces::seq_t because) override;
    arrived_signal take_signal() override;
    decided choose(std::span<alternative const>) override;

private:
    descriptor add(int socket);
    int socket_of(descriptor d) const { return sockets_[static_cast<std::size_t>(d)]; }

    traces::nanoseconds& clock_;
    std::mt19937 draw_;
    std::uint64_t decisions_ = 0;
    std::vector<int> sockets_;         // the kernel's numbers, indexed by this world's; -1 for a closed socket
    std::vector<arrived_signal> sent_; // signals that this process sent and that were not taken yet
    int signals_ = -1;
    bool signal_waits_ = false;
    sigset_t blocked_before_{};
};

} // namespace shutdown_repro::server
