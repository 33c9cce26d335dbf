// Clients that come after the stop, in addition to those of the probe.
#pragma once
#include <cstdint>
#include "repro/probe/probe_run.hpp"

namespace shutdown_repro::repro {

// A new client should be refused, and a readiness probe should fail.
class late_clients {
public:
    // With `asks` the new client sends a request, else it leaves when it is connected.
    explicit late_clients(bool asks = true) : asks_(asks) {}
    void knock(probe_run&); // call it on every turn after the stop

private:
    bool const asks_;
    std::int64_t knocked_ = 0;
};

} // namespace shutdown_repro::repro
