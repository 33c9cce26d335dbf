// The seam between a server and the machine it runs on: clock, timers, listener, stream, readiness. A server is written
// once against it; the simulated world (server_under_test/worlds/sim_world.hpp) and the TCP world (tcp_world.hpp) implement it.
//
// One thread. Nothing blocks. Everything that waits is a `work` that its owner keeps alive until it has run or was
// withdrawn. Readiness is one-shot, as with poll(2): ask again after each notification.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include "traces/recorder.hpp"

namespace shutdown_repro::server {

using traces::millisecond;
using traces::nanoseconds;

// Something to run later; intrusive, so that waiting allocates nothing.
struct work {
    void (*run)(work&) = nullptr;
    work* next = nullptr; // in the ready queue
    bool queued = false;
};

// The ready queue: first in, first out. Its order is a law of the loop, not a decision.
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

// Armed with world::start; runs its work once when due. Destroy it only when it is not armed.
struct timer : work {
    nanoseconds due = 0;
    bool armed = false;
    std::size_t slot = 0; // the world's own
};

// What is asked of somebody outside (a database, another service), who answers when it likes: then its work runs, once.
// Destroy it only when it is not asked.
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
    virtual ~stream() = default;                      // closes
    virtual io_result read(std::span<char> into) = 0; // what is there now
    virtual io_result write(std::string_view) = 0;    // as much as fits now
    virtual void when_readable(work&) = 0;            // data, end of stream or reset
    virtual void when_writable(work&) = 0;
    virtual void shutdown_send() = 0; // FIN after what was written
    virtual void close() = 0;         // withdraws waits without running them
};

class listener {
public:
    virtual ~listener() = default;                // closes
    virtual std::unique_ptr<stream> accept() = 0; // null: nobody waits now
    virtual void when_acceptable(work&) = 0;
    virtual std::uint16_t port() const = 0;
    virtual void close() = 0; // withdraws the wait; who still waits in the backlog is reset
};

class world {
public:
    explicit world(traces::recorder& r) : trace(r) {}
    virtual ~world() = default;
    virtual nanoseconds now() const = 0;
    virtual void start(timer&, nanoseconds after) = 0;
    virtual void cancel(timer&) = 0; // harmless when not armed
    // A world in which nobody else is takes a millisecond for the answer.
    virtual void ask(question& q) { start(q, millisecond); }
    virtual void withdraw(question& q) { cancel(q); } // harmless when it is not asked
    // 127.0.0.1; port 0 lets the world choose. Null with `error` set ("port 8080 is in use").
    virtual std::unique_ptr<listener> listen(std::uint16_t port, std::string& error) = 0;
    // The process ends here, as abort() would end it: the live world prints the message and aborts; the simulated world
    // marks the process dead and returns, and the caller returns at once leaving its data sound. Nothing that still runs
    // on the stack is recorded.
    virtual void die(std::string_view message) = 0;

    void post(work& w) { ready.push(w); }

    traces::recorder& trace;
    ready_queue ready;
};

} // namespace shutdown_repro::server
