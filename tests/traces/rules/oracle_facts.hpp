// What a list of events says at a position: asked anew each time, by looking at all events before it.
#pragma once
#include <functional>
#include <vector>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

class trace_facts {
public:
    static constexpr int never = 1 << 30;
    explicit trace_facts(trace const&);

    int size() const { return static_cast<int>(events_.size()); }
    // object.free of something that has a kind of its own for that is this kind.
    kind what(int i) const { return events_[static_cast<std::size_t>(i)].what; }
    event const& at(int i) const { return events_[static_cast<std::size_t>(i)]; }
    ref id(int i) const { return at(i).id; }

    int first(kind, ref, int from = 0) const; // the first such event at `from` or later, or never
    int last(kind, ref, int before) const;    // the last such event before this position, or -1
    int count(kind, ref, int before) const;
    int first_of(std::vector<kind> const&, ref, int from = 0) const;
    int last_of(std::vector<kind> const&, ref, int before) const;
    std::vector<ref> all(entity) const; // the ids of all events

    int freed(ref) const; // when its lifetime ended, or never
    bool is_freed(ref r, int i) const { return freed(r) < i; }

    // Scopes.
    // As told before event i; none if the parent was disposed by then, or would close a circle.
    ref parent(ref scope, int i) const;
    bool below(ref scope, ref ancestor, int i) const; // strictly
    bool in(ref scope, ref ancestor, int i) const { return scope == ancestor || below(scope, ancestor, i); }
    int begins(ref scope) const; // its disposal
    int disposed(ref scope) const { return first(kind::scope_disposed, scope); }
    bool used(ref scope, int i) const; // a coroutine was spawned in it or below
    bool owned(ref scope) const;
    ref server_of_scope(ref scope, int i) const;

    // Coroutines.
    int known_since(ref coroutine) const; // its first event but a removal, or never
    ref scope_of(ref coroutine) const;
    int finish(ref coroutine) const { return first(kind::coroutine_finish, coroutine); }
    int removed(ref coroutine) const { return first(kind::coroutine_remove, coroutine); }
    bool lives(ref coroutine, int i) const { return known_since(coroutine) <= i && removed(coroutine) >= i; }
    int suspended_at(ref coroutine, int i) const; // by its last event of these before i, or -1
    bool readied(ref coroutine, int i) const;     // by a cancellation, where it is suspended now
    bool cancelled(ref coroutine, int i) const;   // itself, its scope or one around it
    bool detached(ref coroutine) const;
    bool background(ref coroutine, int i) const; // its response was sent, or it has none
    bool outside(ref coroutine) const;
    ref server_of_coroutine(ref coroutine, int i) const;

    ref server_of_request(ref request) const;
    int stop() const;                    // t0
    bool asked(ref server, int i) const; // to stop, by event i or earlier
    bool other_server_runs(ref server, int i) const;
    bool other_loop_runs(ref loop, int i) const;
    bool is_stop(int i) const;
    bool is_second_stop(int i) const;
    // Acts that the server should survive, as long as nothing was stopped.
    int begun_act(int i) const; // the first before event i, or -1
    bool in_act(int i) const { return begun_act(i) >= 0 && stop() > i; }

    // Clients: each has one connection.
    std::vector<ref> all_requests_sent() const;
    std::string_view role(ref client, int i) const;
    int begins_client(ref client) const; // its first event, or never
    // Whether this client.fail leaves the other requests of its connection alone.
    bool one_stream_only(int i) const;

    // The process.
    std::int64_t told_at_start(std::string_view key) const; // of process:1, or 0
    bool never_stops() const;                               // it had to be killed with no client connected, too
    nanoseconds drains_from() const;                        // the stop, or the end of the time in which it accepts
    bool was_sent(ref process, std::string_view signal, int before) const;

private:
    ref given_server(ref, int i) const; // of a request that is not finished, or itself
    std::vector<event> events_;
};

} // namespace shutdown_repro::traces
