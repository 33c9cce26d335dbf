// The bundled server of scopes in the live world, from its start to its end.
#pragma once
#include "server_under_test/scopes/config.hpp"
#include "traces/event.hpp"

namespace shutdown_repro::server {

// Records each fact in the sink as it happens. Returns the number of facts when the server has ended.
// Throws std::runtime_error when the server can't be started. The requests come on so many connections; 0: each has its
// own.
std::uint64_t serve_scoped(config const&, std::uint32_t connections, traces::sink&);

} // namespace shutdown_repro::server
