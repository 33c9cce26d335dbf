// A buffered stream on the loop. Written bytes are queued and sent when the socket is next writable, never at once.
// When the buffer becomes empty, the drain callbacks run once, in the same callback of the loop.
//
// The stream is writing while it has queued bytes or drain callbacks; a graceful close waits for that. It closes when
// no bytes were read or written for its timeout.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include "server_under_test/reactor/reactor.hpp"

namespace shutdown_repro::server {

class reactor_stream final : public std::enable_shared_from_this<reactor_stream> {
public:
    // `owner` is the connection or the client that it belongs to; `name` is for people.
    reactor_stream(reactor&, descriptor, traces::ref owner, std::string name);
    ~reactor_stream(); // closes it without calling callbacks
    void start();

    void write(std::string_view bytes);                             // does nothing for no bytes
    void write(std::string_view bytes, reactor::callback on_drain); // only adds the drain callback for no bytes
    void timeout(std::int64_t milliseconds, std::string_view what); // sets the timeout; 0 for none
    void close(std::string_view how);
    void close_gracefully(std::string_view how);
    void forget_drain() { drain_.clear(); }
    bool arrived() const; // whether there are unread bytes or an unread end of stream
    bool writing() const { return socket_ != no_descriptor && (!buffer_.empty() || !drain_.empty()); }

    std::function<void(std::string_view)> on_read;
    reactor::callback on_timeout;
    std::function<void(std::string_view how)> on_release; // used by the loop; runs before on_close
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
    traces::seq_t asked_ = traces::no_seq; // the event that asked to close gracefully
};

} // namespace shutdown_repro::server
