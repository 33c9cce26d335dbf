// The footprint of a step: what it touched, according to the events that it recorded. It decides whether two steps can
// be exchanged.
//
// Two steps are dependent when they touch the same scope, coroutine, connection (with its client and its request),
// timer or server state, unless both only read it. The rules err on the safe side; each names what would otherwise be
// missed:
//   - a coroutine that is spawned, finishes, is canceled or removed touches its scope and all scopes above: their
//     counts change, and their listeners may be notified;
//   - an event of a scope touches all scopes above it: cancellation and errors climb, and the position of a child in
//     its parent decides the order of a later cancellation;
//   - a coroutine that waits for anything but time or its own answer, or is resumed from that, touches everything: what
//     it waits for (a latch, the emptiness of a scope) is raised by others without an event of its own;
//   - stop, free, a stall, a shutdown, a failed assertion and the passing of time touch everything. Once the server is
//     stopped, so does each coroutine that is removed: with the last one the process exits and closes its sockets;
//   - timers due at the same time fire in the order of arming, so arming touches that time;
//   - a connection that is opened or closed touches the listener, whose backlog has an order, and the loop, which
//     counts.
// A footprint is a set of 512 bits, addressed by hash. Two things may share a bit, which makes independent steps
// dependent, never the other way round.
#pragma once
#include <array>
#include <cstdint>
#include <vector>
#include "repro/scenario/scenario.hpp"
#include "server_under_test/worlds/alternative.hpp"
#include "traces/event.hpp"

namespace shutdown_repro::repro {

class footprint {
public:
    void clear() {
        reads_.fill(0);
        writes_.fill(0);
        everything_ = false;
    }
    void read(std::uint64_t what) { set(reads_, what); }
    void write(std::uint64_t what) { set(writes_, what); }
    void touch_everything() { everything_ = true; }
    bool independent_of(footprint const&) const;

private:
    using bits = std::array<std::uint64_t, 8>;
    static void set(bits&, std::uint64_t what);
    bits reads_{}, writes_{};
    bool everything_ = false;
};

// Reads events into footprints. It follows the tree of scopes of one execution.
class footprint_reader {
public:
    explicit footprint_reader(scenario const& s) : of_(s) {}
    void begin();
    // Begins a step with this alternative.
    void step(server::alternative const&, footprint&);
    // Takes every event in order, including those of steps whose footprint is not wanted (null).
    void saw(traces::event const&, footprint*);

private:
    void scope_and_above(traces::ref, footprint&) const;
    void learn(traces::event const&);
    void coroutine(traces::event const&, footprint&);
    std::uint64_t connection(traces::ref) const;

    scenario const& of_;
    std::vector<std::uint32_t> parents_, homes_, clients_; // of scopes, of coroutines, of connections, by number
    std::vector<char> outside_waits_;                      // whether a coroutine waits for time or its own answer
    std::uint32_t reads_of_ = 0;                           // the client whose connection the server reads in this step
    bool stopped_ = false;
};

} // namespace shutdown_repro::repro
