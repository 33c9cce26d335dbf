// The reactor server: accepts, reads requests, writes responses, finishes transactions. The loop owns its streams, and every
// callback that it leaves with them holds it weakly, so it can be gone while a stream still writes for it.
//
// Its lifetime is modelled: references are counted, and with the last one the destructor runs, but the object's memory stays
// until the program ends, so that what the original does with a dead server can be said without doing it.
//   - A method of the server on the call stack is a reference: the destructor waits for the outermost one.
//   - Inside the destructor the weak references still resolve.
//   - Afterwards a callback that calls the server unasked fails, as a call on an undefined value does.
//
// In a drain (see io_loop) it closes its idle connections at once, serves what had arrived, and says that each response is the
// last. The drain is a reference: the server outlives all that may call it.
//
// What differs between the shutdown policies is a table of facts (policies.hpp).
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
    virtual void handle(std::shared_ptr<transaction> const&) = 0; // fails with callback_error
    virtual void finished(transaction&) = 0;
};

class daemon final {
public:
    // All outlive the server's memory.
    daemon(io_loop&, reactor_config const&, application&);

    bool start(std::string& error);
    void stop();                           // accepts no more; the listening socket stays open, connections stay
    void drop();                           // the program's reference goes, once
    void abandon() { destroying_ = true; } // the process ends: no destructor runs any more
    // Runs what the application does for a request. What that fails with is the request's, where the policy has it so.
    void work_on(std::shared_ptr<transaction> const&, reactor::callback const& work);
    std::uint16_t port() const { return port_; }
    bool held() const { return held_; } // by the program
    static constexpr traces::ref id{traces::entity::server, 1};

private:
    struct connection {
        std::shared_ptr<transaction> tx;
        bool writing = false;
    };
    // A reference for as long as a method runs, or a closure that holds the server is kept.
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
    void call(method, std::string_view name, traces::ref); // by a callback that does not ask whether it is there
    traces::seq_t entered(std::string_view method, traces::ref);
    [[noreturn]] void nobody(std::string_view method) const;
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
    std::uint32_t references_ = 1;                                              // the program's
    bool held_ = true, alive_ = true, destroying_ = false, cancelling_ = false; // held: by the program
    std::uint16_t port_ = 0;
    traces::seq_t dropped_ = traces::no_seq; // the program's reference
    std::optional<hold> draining_;           // the drain's reference
};

} // namespace shutdown_repro::server
