// The connections of the loop: accepted ("in") and made ("out"), its acceptors, and the graceful stop, which waits only
// for the accepted ones. The loop owns the streams, so the object that opened a stream may be freed before it is
// closed.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include "server_under_test/reactor/stream.hpp"

namespace shutdown_repro::server {

// A listening socket, closed with its last owner. It accepts all waiting connections, in the order of arrival.
class acceptor {
public:
    acceptor(reactor&, descriptor, std::function<void(descriptor)> on_accept);
    ~acceptor();
    void start();
    void stop();
    void accept_waiting();

private:
    reactor& on_;
    descriptor socket_;
    std::function<void(descriptor)> on_accept_;
    bool accepting_ = false;
};

class io_loop {
public:
    // With a grace period every way to stop the loop is a drain: the loop ends when its work has ended (see reactor),
    // and what remains after the grace period is canceled.
    explicit io_loop(reactor& r, std::optional<traces::nanoseconds> grace = {}) : reactor_(r), grace_(grace) {}
    reactor& on() { return reactor_; }

    // The stream is started when `accepted` is called.
    using on_stream = std::function<void(std::shared_ptr<reactor_stream> const&, traces::ref id)>;
    std::shared_ptr<acceptor> listen(std::uint16_t& port, std::string& error, on_stream accepted); // and adds it
    void remove(std::shared_ptr<acceptor> const&);
    // Connects in the next tick. The stream is null when the connection was refused.
    traces::ref connect(std::uint16_t port, on_stream connected);
    std::shared_ptr<reactor_stream> stream(traces::ref id) const;
    void remove(traces::ref id, std::string_view how); // closes it gracefully; does nothing if it does not exist

    void stop();
    void stop_gracefully();
    // The callback runs once, when a graceful stop begins. It does not run when the loop ends in another way.
    void on_finish(std::string_view name, reactor::callback);
    // The steps of a server in a drain: when it begins, when the grace period ends, and when the drain has ended.
    struct drain_steps {
        reactor::callback begin, cancel, over;
    };
    void on_drain(drain_steps s) { steps_ = std::move(s); }
    void drain();
    std::size_t incoming() const { return in_.size(); }
    std::size_t outgoing() const { return out_.size(); }
    std::size_t writing() const; // number of streams with bytes to write or with drain callbacks

private:
    void admit(descriptor, on_stream const&);
    void make_connection(traces::ref id, std::uint16_t port, on_stream const&);
    std::shared_ptr<reactor_stream> adopt(descriptor, traces::ref id);
    void closed(traces::ref id, std::string_view how);
    void accept_again();
    void accept_no_more();
    traces::seq_t say_that_it_stops();
    void tell_who_wants_to_know();
    void cancel_the_rest();
    void close_the_rest();

    reactor& reactor_;
    std::optional<traces::nanoseconds> grace_;
    drain_steps steps_;
    reactor::timer_id bound_ = 0; // timer of the drain: the grace period, then the time for canceled transactions
    std::vector<std::shared_ptr<acceptor>> acceptors_;
    std::map<traces::ref, std::shared_ptr<reactor_stream>> in_, out_;
    struct hook {
        traces::ref id;
        reactor::callback call;
    };
    std::vector<hook> hooks_;
    bool accepting_ = false, stopping_ = false;
    traces::seq_t asked_ = traces::no_seq; // the event that asked to stop gracefully
};

} // namespace shutdown_repro::server
