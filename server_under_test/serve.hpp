// Each bundled server in the live world, from its start to its end: what the executable server-under-test does.
#pragma once
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/scopes/config.hpp"
#include "traces/event.hpp"

namespace shutdown_repro::server {

// Facts go to the sink as they happen. Returns how many there were once the server is over.
// Throws std::runtime_error when it can't be started.
std::uint64_t serve_scoped(config const&, traces::sink&);
std::uint64_t serve_reactor(reactor_config const&, traces::sink&);

} // namespace shutdown_repro::server
