// What a reader of a trace knows at a point of it: who is alive, in which state, inside whom. Rules and views share it, so
// a rule is only its own predicate. Memory is in the number of live entities: what is gone is forgotten (its number stays
// known as gone).
#pragma once
#include <string>
#include <string_view>
#include <vector>
#include "traces/event.hpp"

namespace shutdown_repro::traces {

// Entities of one type, kept in the order of their numbers. Numbers mostly grow, so an append is the common case; the gone
// are compacted when they are more than half.
template <class T> class live_set {
public:
    T* find(std::uint32_t number);
    T const* find(std::uint32_t number) const { return const_cast<live_set*>(this)->find(number); }
    T& open(std::uint32_t number);            // the existing one when it is already live
    void close(std::uint32_t number);
    bool was_closed(std::uint32_t number) const; // closed earlier in this trace
    template <class F> void each(F&& f) const;   // the live, by number
    std::size_t size() const { return live_; }
    void clear();

private:
    struct slot { std::uint32_t number; bool live; T data; };
    std::vector<slot> slots_;
    std::vector<std::uint64_t> closed_; // one bit a number
    std::size_t live_ = 0;
};

struct scope_state {
    std::string name;
    ref parent;
    seq_t opened = no_seq, cancelled = no_seq, closed = no_seq, disposing = no_seq;
    bool used = false;         // a coroutine was ever spawned in it or below
    std::uint32_t members = 0; // coroutines spawned and not removed, itself only
    std::uint32_t children = 0;
};

struct coroutine_state {
    std::string name;
    ref scope;
    seq_t spawned = no_seq, started = no_seq, cancel_requested = no_seq, finished = no_seq, suspended = no_seq;
    bool zombie = false, hard = false;
    std::string result; // once finished
};

struct request_state {
    std::string name;
    ref connection;
    seq_t begun = no_seq, responded = no_seq;
};

struct client_state {
    seq_t connected = no_seq, sent = no_seq, first_byte = no_seq;
    nanoseconds connect_at = 0, sent_at = 0;
    std::int64_t received = 0;
};

struct model {
    live_set<scope_state> scopes;         // until scope.disposed
    live_set<coroutine_state> coroutines; // until coroutine.remove
    live_set<request_state> requests;     // until request.finish
    live_set<client_state> clients;       // until client.done, client.fail or client.closed
    seq_t t0 = no_seq;                    // the first act.stop, act.free or stop signal
    nanoseconds t0_time = 0;
    bool process_exited = false;

    void apply(event const&); // call it before rules see the event, but keep what the event ends until forget()
    void forget(event const&); // call it after they saw it

    bool inside(ref scope, ref ancestor) const; // the scope is the ancestor or below it
    // For people: "handler of GET /2" or the id.
    std::string describe(ref) const;
    void clear();
};

} // namespace shutdown_repro::traces
