// What a request handler does, act by act; the same bodies serve the cells and the HTTP server.
#pragma once
#include "server_under_test/scopes/config.hpp"
#include "server_under_test/scopes/runtime.hpp"

namespace shutdown_repro::server {

// Where a handler runs. The cells have nobody to answer.
class handler_host {
public:
    virtual ~handler_host() = default;
    virtual signal* hold(coroutine&) { return nullptr; }          // wait for this before the act begins; null: do not
    virtual void answer(coroutine&, std::uint32_t /*request*/) {} // the response, then what the scenario has it call
};

// `i`: the request's number; it staggers the acts' own delays as in the cells.
task handle(coroutine& self, handler_host&, handler_config, std::uint32_t i);

// For coroutine::make_hook of act::hook_park; coroutine::context is the request's number.
task completion_hook(coroutine& self);

} // namespace shutdown_repro::server
