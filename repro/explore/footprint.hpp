// What a step touched, read off the facts that it recorded: the basis of the claim that two steps can be exchanged.
//
// Two steps are dependent when they touch the same scope, coroutine, connection (with its client and its request), timer or
// server state, unless both only read it. Touching is read generously; each rule names what would otherwise be missed:
//   - a coroutine that comes, ends, is cancelled or leaves touches its scope and all scopes above: their counts change, and
//     their listeners may be told;
//   - what a scope does touches all scopes above it: cancellation and errors climb, and a child's place in its parent decides
//     the order of a later cancellation;
//   - a coroutine that waits for anything but time or an answer of its own, or is resumed from it, touches everything: what
//     it waits for (a latch, the emptiness of a scope) is raised by others without a fact of its own;
//   - stop, free, a stall, a shutdown and a failed assertion touch everything, and so does the passing of time; once the server
//     is stopped, so does each coroutine that leaves: with the last one the process ends and closes what it had;
//   - two timers that are due at the same instant are served in the order of arming: arming touches the instant;
//   - a connection that is opened or closed touches the listener, whose backlog has an order, and the loop, which counts.
// A set of 512 bits by hash: two different things may share a bit, which makes steps dependent that are not, never the other
// way round.
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

// Reads facts into footprints; knows the tree of scopes as it grows in one execution.
class toucher {
public:
    explicit toucher(scenario const& s) : of_(s) {}
    void begin();
    // A step begins with this.
    void step(server::alternative const&, footprint&);
    // Every event in order, also those of steps whose footprint is not wanted (null).
    void saw(traces::event const&, footprint*);

private:
    void scope_and_above(traces::ref, footprint&) const;
    void learn(traces::event const&);
    void coroutine(traces::event const&, footprint&);
    std::uint64_t connection(traces::ref) const;

    scenario const& of_;
    std::vector<std::uint32_t> parents_, homes_, clients_; // of a scope, of a coroutine, of a connection, by number
    std::vector<char> outside_waits_;                      // of a coroutine: it waits for time or an answer of its own
    std::uint32_t reads_of_ = 0; // the step is the server's reading of this client's connection
    bool stopped_ = false;
};

} // namespace shutdown_repro::repro
