// The bodies of request handlers, one for each act. The cells and the HTTP server share them.
#pragma once
#include "server_under_test/scopes/config.hpp"
#include "server_under_test/scopes/runtime.hpp"

namespace shutdown_repro::server {

// The environment of a handler. In a cell there is no request to answer.
class handler_host {
public:
    virtual ~handler_host() = default;
    virtual signal* hold(coroutine&) { return nullptr; }          // the handler waits for this first; null for no wait
    virtual void answer(coroutine&, std::uint32_t /*request*/) {} // sends the response and makes the scenario's calls
};

// Handles request number `i`, which also staggers the delays of the acts, as in the cells.
task handle(coroutine& self, handler_host&, handler_config, std::uint32_t i);

// The hook of act::hook_park, for coroutine::make_hook. coroutine::context is the number of the request.
task completion_hook(coroutine& self);

} // namespace shutdown_repro::server
