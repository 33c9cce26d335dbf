// A buffered stream on the loop: what is written is queued and goes out when the socket is next writable, never at once.
// When the buffer is empty then, those who subscribed to "drain" are told, once, in that same callback.
//
// It is writing while bytes are queued or somebody waits for the drain; a graceful close waits for that.
// Without bytes in or out for its timeout it closes.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include "server_under_test/reactor/reactor.hpp"

namespace shutdown_repro::server {

class reactor_stream final : public std::enable_shared_from_this<reactor_stream> {
public:
    // `owner` is the connection or the client whose end this is; `name` is for people.
    reactor_stream(reactor&, descriptor, traces::ref owner, std::string name);
    ~reactor_stream(); // closes; tells nobody
    void start();

    void write(std::string_view bytes);                             // nothing: nothing happens
    void write(std::string_view bytes, reactor::callback on_drain); // nothing: the drain alone
    void timeout(std::int64_t milliseconds, std::string_view what); // from now on; 0: none
    void close(std::string_view how);
    void close_gracefully(std::string_view how);
    void forget_drain() { drain_.clear(); }
    bool arrived() const; // bytes, or the end, that were not read yet
    bool writing() const { return socket_ != no_descriptor && (!buffer_.empty() || !drain_.empty()); }

    std::function<void(std::string_view)> on_read;
    reactor::callback on_timeout;
    std::function<void(std::string_view how)> on_release; // the loop's: before anybody is told that it is closed
    reactor::callback on_close;

private:
    void readable();
    void writable();
    void drain();
    void active();

    reactor& on_;
    descriptor socket_;
    traces::ref id_, owner_;
    std::string name_, buffer_;
    struct subscriber {
        reactor::callback call;
        traces::seq_t queued;
    };
    std::vector<subscriber> drain_;
    reactor::timer_id timer_ = 0;
    bool graceful_ = false;
    traces::seq_t asked_ = traces::no_seq; // to close gracefully
};

} // namespace shutdown_repro::server
