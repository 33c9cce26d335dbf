// The scoped server: HTTP/1.1 with structured concurrency, modeled on the server of the first report.
//
//   main scope > server scope (with an owner object) > [connection scope] > request scope > handler > its children
//
// stop() may be called from anywhere and never suspends. It wakes the lifecycle coroutine, which start() spawned and in
// which the shutdown policy drains the server. free() ends the server object. The policies differ in the details
// (policies.cpp).
#pragma once
#include <memory>
#include <vector>
#include "server_under_test/scoped/connection.hpp"
#include "server_under_test/scopes/delayed_disposal.hpp"
#include "server_under_test/scopes/handlers.hpp"
#include "server_under_test/worlds/control.hpp"

namespace shutdown_repro::server {

class scoped_server;

// Defines how the server shuts down.
class shutdown_policy {
public:
    virtual ~shutdown_policy() = default;
    virtual task drain(scoped_server&, coroutine& lifecycle) const = 0; // runs after stop
    virtual void free(scoped_server&) const = 0;
    virtual bool listener_has_own_reference() const { return false; }
    virtual bool errors_stay_in_request() const { return false; }
    virtual bool announces_close() const { return false; }
    virtual bool ignores_calls_after_free() const { return false; } // stop and free on a freed server are harmless
};
shutdown_policy const& policy_of(policy);

class scoped_server final : public stoppable, public handler_host, public connection_owner {
public:
    // The runtime must be empty. Runtime and configuration must outlive the server.
    scoped_server(runtime&, config const&);
    ~scoped_server() override;

    bool start(std::string& error); // starts to listen; on failure sets `error` and returns false
    void stop() override;
    void free() override;
    bool over() const; // the program has ended, and the process exits
    bool stalled();    // called when nothing can happen: shuts the runtime down, once; returns whether it did
    std::uint16_t port() const { return port_; }
    // Handlers that start "together" wait until this number of requests is in handlers; all requests by default. A
    // connection handles its requests one after the other, so no more can be in handlers than there are connections.
    void gather(std::uint32_t requests) { gather_ = requests; }

    // For policies.
    runtime& rt() { return rt_; }
    config const& settings() const { return config_; }
    scope& server_scope() { return *server_scope_; }
    void stop_accepting();
    void take_what_arrived(); // accepts the connections in the backlog and reads the available bytes
    void close_connections(std::string_view how);
    bool unsent() const;
    signal& flushed() { return flushed_; }
    void wake_lifecycle();
    void keep_scope() { dispose_later_.withdraw(); } // cancels the timeout that disposes the server scope
    void release();                                  // ends the owner object, then the connections and the server
    bool drained = false, free_wanted = false;

private:
    struct in_flight;
    task lifecycle(coroutine&);
    void spawn_scope_listener();
    task listen_to_scope(coroutine&, bool own_reference);
    void accept_all();
    void admit(std::unique_ptr<stream>);
    signal* hold(coroutine&) override;
    void answer(coroutine&, std::uint32_t request) override;
    void on_request(connection&, std::uint32_t number) override;
    bool closes_after_response() const override { return stop_called_ && policy_.announces_close(); }
    void on_flushed(connection&) override { flushed_.raise(rt_); }
    void request_over(in_flight&, outcome);

    config const& config_;
    shutdown_policy const& policy_;
    runtime& rt_;
    traces::ref id_;
    std::unique_ptr<listener> listener_;
    struct acceptor final : work {
        scoped_server* owner = nullptr;
    } acceptable_;
    pooled_vector<std::unique_ptr<connection>> connections_;
    pooled_vector<std::unique_ptr<in_flight>> requests_;
    scope *main_scope_ = nullptr, *server_scope_ = nullptr;
    delayed_disposal dispose_later_;
    signal stop_wanted_, together_, flushed_;
    std::uint16_t port_ = 0;
    std::uint32_t in_handlers_ = 0, gather_;
    bool stop_by_handler_, free_by_handler_;
    bool stop_called_ = false, together_open_ = false, lifecycle_over_ = false, freed_ = false, stalled_once_ = false;
};

} // namespace shutdown_repro::server
