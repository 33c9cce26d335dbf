// The user agent in the same loop. It sends one GET on each of its connections, and keeps a keep-alive connection open
// and idle until the server closes it or it times out.
#pragma once
#include <functional>
#include <map>
#include "server_under_test/reactor/io_loop.hpp"

namespace shutdown_repro::server {

class user_agent final {
public:
    // Called when the request has ended, successfully or not.
    using on_done = std::function<void(traces::ref client)>;
    // The loop must outlive the last callback of the agent.
    user_agent(io_loop&, std::int64_t inactivity_ms);
    void get(std::uint16_t port, std::uint32_t number, bool close, on_done);

private:
    struct exchange_state {
        std::uint32_t number = 0;
        bool close = false, open = true; // open: the request is in flight
        std::string request, response;
        on_done done;
    };
    void connected(traces::ref, reactor_stream*);
    void read(traces::ref, std::string_view);
    void finish(traces::ref, std::string_view failure);
    void tell(traces::ref, exchange_state const&, std::string_view failure);

    io_loop& loop_;
    std::int64_t inactivity_ms_;
    traces::recorder& trace_;
    std::map<traces::ref, exchange_state> connections_;
};

} // namespace shutdown_repro::server
