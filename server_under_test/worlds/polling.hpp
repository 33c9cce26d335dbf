// The kernel interface of a loop that polls: sockets by number, and one poll over all of them. A readiness loop takes a
// snapshot of all ready handles and serves them in an order of its own, which the one-shot waits of world.hpp can't
// express. sim_kernel.hpp has the simulated kernel, poll_world.hpp the real one.
//
// It is used by one thread. Only poll() blocks, and only poll() is interrupted by a signal, so signals are handled
// between two ticks.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include "server_under_test/worlds/alternative.hpp"
#include "server_under_test/worlds/world.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::server {

using descriptor = int; // number of a socket; never reused: a later socket has a higher number
inline constexpr descriptor no_descriptor = -1;

struct interest {
    descriptor on = no_descriptor;
    bool read = false, write = false;        // asked for; end of stream and reset are always reported, as readable
    bool readable = false, writable = false; // the answer
};

struct arrived_signal {
    int number = 0;                         // such as SIGQUIT; 0 for none
    traces::seq_t because = traces::no_seq; // the event that caused this process to send it, if it did
};

class polling_world {
public:
    explicit polling_world(traces::recorder& r) : trace(r) {}
    virtual ~polling_world() = default;
    virtual traces::nanoseconds now() const = 0;

    // Listens on 127.0.0.1; port 0 selects a free one. Returns no_descriptor and sets `error` on failure.
    virtual descriptor listen(std::uint16_t& port, std::string& error) = 0;
    virtual descriptor accept(descriptor listening) = 0; // no_descriptor if no connection waits
    virtual descriptor connect(std::uint16_t port) = 0;  // no_descriptor if refused; writable once connected
    virtual io_result read(descriptor, std::span<char> into) = 0;
    virtual io_result write(descriptor, std::string_view) = 0;
    virtual void close(descriptor) = 0; // resets the peer if there are unread bytes

    // Waits until a handle is ready, up to this time. Returns false when the process was killed meanwhile. A pending or
    // arriving signal ends the poll; then no handle is reported as ready.
    virtual bool poll(std::span<interest>, std::int64_t milliseconds) = 0;
    virtual void send_signal(
        int number, traces::seq_t because) = 0; // to this process; does nothing if that signal is pending
    virtual arrived_signal take_signal() = 0;   // returns each signal that ended the last poll, once
    // Chooses between two or more alternatives that the environment leaves free. The caller records the decision.
    virtual decided choose(std::span<alternative const>) = 0;
    virtual void only(alternative const&) {} // called when there is only one alternative: a step, not a decision

    traces::recorder& trace;
    bool words = true; // whether decisions are recorded with a label; an exploration does not need it
};

} // namespace shutdown_repro::server
