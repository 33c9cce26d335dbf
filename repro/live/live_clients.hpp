// The clients of a live execution. Client K has connection K, sends its share of the requests on it, closes it after
// its last response, and never retries. It records what it sees as client.* events: sending with the time just before
// it, receiving with the time just after it.
#pragma once
#include <algorithm>
#include <string>
#include "repro/process/poller.hpp"
#include "repro/scenario/scenario.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::repro {

// What all clients of one execution share; they own none of it.
struct client_surroundings {
    scenario const& plan;
    std::uint16_t port;
    traces::recorder& record;
    traces::nanoseconds& clock; // read by the recorder and set by the clients
    poller& events;
};

class live_clients {
public:
    virtual ~live_clients() = default;
    virtual bool over() const = 0;                    // no client has anything left to send or to wait for
    virtual traces::nanoseconds next_due() const = 0; // when to call on_time()
    virtual void on_time() = 0;
    virtual void give_up() = 0;                     // makes waiting clients fail with "timeout"
    virtual std::string const& failure() const = 0; // why the machine can't run this many clients; "" when it can
};

} // namespace shutdown_repro::repro
