// The reactor server: accepts connections, reads requests, writes responses, finishes transactions. The loop owns its
// streams. The server's callbacks on them hold it weakly, so it can be freed while a stream still writes for it.
//
// The lifetime of the server is modeled: references are counted, and the destructor runs with the last one, but the
// memory of the object stays until the program ends. So a use of a freed server can be recorded without being
// undefined.
//   - A method of the server on the call stack is a reference: the destructor waits for the outermost one.
//   - Inside the destructor the weak references still resolve.
//   - Afterwards a callback that calls the server without a check fails, like a call on an undefined value.
//
// In a drain (see io_loop) it closes its idle connections at once, serves the requests that have arrived, and announces
// with each response that it is the last. The drain holds a reference, so that the server outlives all callbacks.
//
// The shutdown policies differ in a table of properties (policies.hpp).
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <vector>
#include "server_under_test/reactor/io_loop.hpp"
#include "server_under_test/reactor/policies.hpp"
#include "server_under_test/reactor/transaction.hpp"

namespace shutdown_repro::server {

class application {
public:
    virtual ~application() = default;
    virtual void handle(std::shared_ptr<transaction> const&) = 0; // throws callback_error
    virtual void finished(transaction&) = 0;
};

class daemon final {
public:
    // All arguments must outlive the server.
    daemon(io_loop&, reactor_config const&, application&);

    bool start(std::string& error);
    void stop();                           // stops accepting; the listening socket and the connections stay open
    void drop();                           // releases the program's reference, once
    void abandon() { destroying_ = true; } // the process ends, so no destructor runs from now on
    // Runs the application's work for a request. With some policies an error in it fails only that request.
    void work_on(std::shared_ptr<transaction> const&, reactor::callback const& work);
    std::uint16_t port() const { return port_; }
    bool held() const { return held_; } // whether the program holds its reference
    static constexpr traces::ref id{traces::entity::server, 1};

private:
    struct connection {
        std::shared_ptr<transaction> tx;
        bool writing = false;
    };
    // A reference that exists while a method runs, or while a closure that holds the server exists.
    class hold {
    public:
        explicit hold(daemon& d) : of_(&d) { ++d.references_; }
        hold(hold const& h) : of_(h.of_) { ++of_->references_; }
        hold& operator=(hold const&) = delete;
        ~hold() { of_->let_go(); }
    private:
        daemon* of_;
    };
    using method = void (daemon::*)(traces::ref);

    void accepted(reactor_stream&, traces::ref);
    void read(traces::ref, std::string_view);
    void closed(traces::ref);
    void write_next(traces::ref);
    void finish(traces::ref);
    void remove(traces::ref, std::string_view how);
    reactor::callback when_drained(method, std::string_view name, traces::ref);
    std::shared_ptr<transaction> build(traces::ref);
    transaction* open_transaction(traces::ref);
    void call(method, std::string_view name, traces::ref); // from a callback that does not check that the server exists
    traces::seq_t entered(std::string_view method, traces::ref);
    [[noreturn]] void call_on_freed_server(std::string_view method) const;
    void let_go();
    void destroy();
    void begin_drain();
    void cancel_the_rest();
    void cancel(traces::ref);
    std::vector<traces::ref> all_connections() const;

    io_loop& loop_;
    reactor_config const& config_;
    reactor_rules const& rules_;
    application& app_;
    traces::recorder& trace_;
    std::shared_ptr<acceptor> listening_;
    std::map<traces::ref, connection> connections_;
    std::uint32_t references_ = 1; // the first is the program's
    bool held_ = true, alive_ = true, destroying_ = false,
         cancelling_ = false; // held_: the program holds its reference
    std::uint16_t port_ = 0;
    traces::seq_t dropped_ = traces::no_seq; // the event in which the program released its reference
    std::optional<hold> draining_;           // the reference of the drain
};

} // namespace shutdown_repro::server
