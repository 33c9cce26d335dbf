// The bundled server of scopes in the live world, from its start to its end.
#pragma once
#include "server_under_test/scopes/config.hpp"
#include "traces/event.hpp"

namespace shutdown_repro::server {

// Records each fact in the sink as it happens. Returns the number of facts when the server has ended.
// Throws std::runtime_error when the server can't be started.
std::uint64_t serve_scoped(config const&, traces::sink&);

} // namespace shutdown_repro::server
