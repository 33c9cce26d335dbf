// The seam under a loop that polls: sockets by number, and one poll over all of them, as the kernel has them. A readiness
// loop takes a snapshot of all that is ready and serves it in an order of its own; the one-shot waits of world.hpp can't
// say that. The simulated kernel is server_under_test/worlds/sim_kernel.hpp, the real one is behind server_under_test/worlds/poll_world.hpp.
//
// One thread. Only poll() waits, and only poll() is interrupted by a signal: what its handler does is done between two ticks.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include "server_under_test/worlds/alternative.hpp"
#include "server_under_test/worlds/world.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::server {

using descriptor = int; // of a socket; never reused, a later socket has the higher one
inline constexpr descriptor no_descriptor = -1;

struct interest {
    descriptor on = no_descriptor;
    bool read = false, write = false;        // asked; the end and a reset are told unasked, as readable
    bool readable = false, writable = false; // answered
};

struct arrived_signal {
    int number = 0;                         // SIGQUIT, …; 0: none
    traces::seq_t because = traces::no_seq; // what it was sent for, when this process sent it
};

class polling_world {
public:
    explicit polling_world(traces::recorder& r) : trace(r) {}
    virtual ~polling_world() = default;
    virtual nanoseconds now() const = 0;

    // 127.0.0.1; port 0 lets the world choose. no_descriptor with `error` set.
    virtual descriptor listen(std::uint16_t& port, std::string& error) = 0;
    virtual descriptor accept(descriptor listening) = 0; // no_descriptor: nobody waits now
    virtual descriptor connect(std::uint16_t port) = 0;  // no_descriptor: refused; writable once connected
    virtual io_result read(descriptor, std::span<char> into) = 0;
    virtual io_result write(descriptor, std::string_view) = 0;
    virtual void close(descriptor) = 0; // with unread bytes the peer is reset

    // Waits until one is ready, at most so many milliseconds. False: the process was killed while it waited.
    // A signal that was sent before or comes meanwhile ends it, and then nothing is told to be ready.
    virtual bool poll(std::span<interest>, std::int64_t milliseconds) = 0;
    virtual void send_signal(
        int number, traces::seq_t because) = 0; // to this process; one that waits already is the same
    virtual arrived_signal take_signal() = 0;   // each that ended the last poll, once
    // An order that the environment leaves free: one of two or more. The caller records what it made of it.
    virtual decided choose(std::span<alternative const>) = 0;
    virtual void only(alternative const&) {} // just one thing is next: no order, but a step

    traces::recorder& trace;
    bool words = true; // decisions are told with a label; an exploration does without
};

} // namespace shutdown_repro::server
