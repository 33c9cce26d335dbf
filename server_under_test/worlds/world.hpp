// The interface between a server and its machine: clock, timers, listener, stream, readiness. A server is written once
// against it. The simulated world (sim_world.hpp) and the TCP world (tcp_world.hpp) implement it.
//
// It is used by one thread and nothing blocks. A wait is a `work` that its owner keeps alive until it has run or was
// withdrawn. Readiness is one-shot, as with poll(2): ask again after each notification.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include "traces/recorder.hpp"

namespace shutdown_repro::server {

// A piece of work to run later. It is an intrusive list node, so that waiting allocates nothing.
struct work {
    void (*run)(work&) = nullptr;
    work* next = nullptr; // in the ready queue
    bool queued = false;
};

// The ready queue, first in, first out. Its order is fixed by the loop and is not a decision.
class ready_queue {
public:
    void push(work& w) {
        w.queued = true;
        w.next = nullptr;
        (tail_ ? tail_->next : head_) = &w;
        tail_ = &w;
    }
    work* pop() {
        work* w = head_;
        if (!w) return nullptr;
        head_ = w->next;
        if (!head_) tail_ = nullptr;
        w->queued = false;
        return w;
    }
    bool empty() const { return !head_; }
    void clear() { head_ = tail_ = nullptr; }

private:
    work *head_ = nullptr, *tail_ = nullptr;
};

// A timer, armed by world::start; it runs once when due. It must not be destroyed while armed.
struct timer : work {
    traces::nanoseconds due = 0;
    bool armed = false;
    std::size_t slot = 0; // used by the world
};

// A question to an external service, such as a database, which answers at any time. Its work runs once, with the
// answer. It must not be destroyed while it is asked.
struct question : timer {
    traces::ref whose;
    bool asked = false;
};

enum class io : std::uint8_t { ok, would_block, eof, reset };
struct io_result {
    io status = io::ok;
    std::size_t bytes = 0;
};

class stream {
public:
    virtual ~stream() = default;                      // closes it
    virtual io_result read(std::span<char> into) = 0; // reads the available bytes
    virtual io_result write(std::string_view) = 0;    // writes as much as fits
    virtual void when_readable(work&) = 0;            // runs the work on data, end of stream or reset
    virtual void when_writable(work&) = 0;
    virtual void shutdown_send() = 0; // sends FIN after the written bytes
    virtual void close() = 0;         // withdraws waits without running them
};

class listener {
public:
    virtual ~listener() = default;                // closes it
    virtual std::unique_ptr<stream> accept() = 0; // null if no connection waits
    virtual void when_acceptable(work&) = 0;
    virtual std::uint16_t port() const = 0;
    virtual void close() = 0; // withdraws the wait and resets the connections in the backlog
};

class world {
public:
    explicit world(traces::recorder& r) : trace(r) {}
    virtual ~world() = default;
    virtual traces::nanoseconds now() const = 0;
    virtual void start(timer&, traces::nanoseconds after) = 0;
    virtual void cancel(timer&) = 0; // does nothing if it is not armed
    // By default the answer comes after a millisecond.
    virtual void ask(question& q) { start(q, traces::millisecond); }
    virtual void withdraw(question& q) { cancel(q); } // does nothing if it is not asked
    // Listens on 127.0.0.1; port 0 selects a free one. Returns null and sets `error` on failure ("port 8080 is in
    // use").
    virtual std::unique_ptr<listener> listen(std::uint16_t port, std::string& error) = 0;
    // Ends the process like abort(). The live world prints the message and aborts. The simulated world marks the
    // process as dead and returns; the caller must return at once and leave its data consistent. What still runs on the
    // stack is not recorded.
    virtual void die(std::string_view message) = 0;

    void post(work& w) { ready.push(w); }

    traces::recorder& trace;
    ready_queue ready;
};

} // namespace shutdown_repro::server
