// The clients of a live execution: connection K is client K's, which sends its share of the scenario's requests on it,
// closes after its last response, and never tries again. What each sees is recorded as client.* facts, with the times at
// which it saw it; what is sent is dated just before, what is received just after.
#pragma once
#include <algorithm>
#include <string>
#include "repro/process/poller.hpp"
#include "repro/scenario/scenario.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::repro {

// What all clients of one execution share. Everything is borrowed.
struct client_surroundings {
    scenario const& plan;
    std::uint16_t port;
    traces::recorder& record;
    traces::nanoseconds& clock; // that the recorder reads; clients set it
    poller& events;
};

class live_clients {
public:
    virtual ~live_clients() = default;
    virtual bool over() const = 0;                    // nobody has anything left to send or to wait for
    virtual traces::nanoseconds next_due() const = 0; // when on_time() is to be called
    virtual void on_time() = 0;
    virtual void give_up() = 0;                     // whoever still waits fails by "timeout"
    virtual std::string const& failure() const = 0; // why the machine can't hold these clients; "" when it can
};

inline std::uint32_t connections_of(scenario const& s) {
    std::uint32_t const each = std::max(1u, s.per_connection);
    return (s.config.requests + each - 1) / each;
}

} // namespace shutdown_repro::repro
