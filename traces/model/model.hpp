// The state of all entities at a point of the trace: which are alive, in which state, and who owns them. Rules and
// views share it, so that a rule contains only its own predicate. Memory is proportional to the number of live
// entities: ended entities are forgotten, except for their numbers. A trace may begin late or lack facts: no event
// relies on an earlier one.
#pragma once
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "traces/event.hpp"
#include "traces/model/live_set.hpp"
#include "traces/short_text.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// The main process is process:1, every other process is a descendant.
bool is_fault(std::string_view signal); // SIGSEGV and the like, which are not sent to stop a process
inline bool is_descendant(ref process) { return process.type == entity::process && process.number > 1; }

using name_text = short_text<47>;
using word_text = short_text<15>;
// A scope may be named after a request, and the reader returns the name "request:2" as an id.
void name_after(name_text&, event const&);

struct server_state {
    name_text name;
    seq_t opened = no_seq, stopped = no_seq;
    bool asked = false;      // to stop or to be freed, or it is being freed
    bool free_asked = false; // by act.free
};

struct loop_state {
    seq_t started = no_seq, stopped = no_seq; // the latest of each; stopped is no_seq again once it runs again
    bool runs() const { return started != no_seq && stopped == no_seq; }
};

struct scope_state {
    name_text name;
    ref parent;
    ref server; // the server whose object holds it or a scope above it, if known
    seq_t opened = no_seq, cancelled = no_seq, closed = no_seq, disposing = no_seq; // cancelled: the first request
    bool used = false;          // a coroutine was ever spawned in it or below
    bool owned = false;         // an owner object (the server) holds it
    bool above_owned = false;   // an owned scope was opened below it: it contains the server and does not belong to it
    std::uint32_t members = 0;  // coroutines spawned and not removed, itself only
    std::uint32_t children = 0; // child scopes whose disposal has not begun
    bool counted = false;       // it is one of the children of its parent
    // The child scopes that are not disposed, as a list of numbers; no_scope ends it.
    static constexpr std::int64_t no_scope = -1;
    std::int64_t first_child = no_scope, next = no_scope, previous = no_scope;
};

struct coroutine_state {
    name_text name;
    word_text waits_on; // while suspended
    word_text result;   // once finished
    ref scope;
    seq_t spawned = no_seq, started = no_seq, cancel_requested = no_seq, finished = no_seq;
    seq_t suspended = no_seq; // no_seq again once resumed
    seq_t readied = no_seq;   // the cancellation that made it ready to run where it is suspended now
    ref server;               // the server to which it belongs, if known otherwise than by its scope
    bool zombie = false, hard = false;
    bool outside = false; // its owner is named and is no server
    // Of a scope that was disposed with the coroutine inside: the cancel request that applied, and whether it was
    // around a scope that an object holds.
    seq_t scope_cancelled = no_seq;
    bool scope_above_owned = false;
    bool after_close = false;   // spawned into a scope that was closed already
    bool detached = false;      // background work
    ref request;                // the request for which it works, if known
    seq_t called_stop = no_seq; // the latest stop that it called
    ref called_on;              // what it stopped
};

struct request_state {
    name_text name; // "GET /2"
    ref connection;
    ref server; // if known
    seq_t begun = no_seq, responded = no_seq;
    // The latest events on its connection: a write was queued, a callback of the server was called, the connection was
    // closed.
    seq_t queued = no_seq, entered = no_seq, closed = no_seq;
};

struct connection_state {
    ref request; // the latest request that began on it
    ref server;  // that accepted it, if known
};

struct timer_state {
    name_text name;
    ref loop, owner, by;
    seq_t armed = no_seq;
    nanoseconds due = 0;
    bool recurring = false, user = false; // user: set by the program, not by the server itself
};

// The purpose of a client's connection.
enum class role : std::uint8_t {
    unknown,
    in_flight,
    stream_in_flight,
    half_request,
    backlog,
    keepalive,
    idle,
    silent,
    stream,
    late,
    readiness,
    second,
    traffic,
};

// How a request was sent.
struct sending {
    role why = role::unknown;
    bool frozen = false;     // while no process of the server could run
    bool kept = false;       // on a keep-alive connection that had got a response before
    bool partly = false;     // the head, without a part of the body; the rest may follow
    seq_t half = no_seq;     // the event that sent the first half of its head, if it was sent in two parts
    bool repeatable = true;  // by its method
    std::int64_t stream = 0; // of HTTP/2, else 0
};

struct client_state {
    seq_t connect = no_seq, connected = no_seq, sent = no_seq, first_byte = no_seq; // the latest of each
    nanoseconds connect_at = 0, sent_at = 0;
    std::int64_t received = 0; // since `sent`
    role why = role::unknown;
    sending how;
};

// A request that a client has completely sent and whose response it awaits.
struct sent_request {
    ref client = {};
    seq_t sent = no_seq, first_byte = no_seq;
    nanoseconds sent_at = 0, first_byte_at = 0;
    std::int64_t received = 0;
    sending how = {};
};

// A client's connection with all of its requests, for which a stop may wait.
struct peer_state {
    role why = role::unknown;
    bool spoke = false;     // a byte was sent on it
    std::uint32_t open = 0; // number of open requests, including half-sent ones
    std::uint32_t answered = 0;
    seq_t connect = no_seq, connected = no_seq;
    seq_t since = no_seq; // the end of its latest request, or when it was connected
    ref half_of;          // the request whose head is half sent
    seq_t half = no_seq;
    std::int64_t last_stream = -1; // of its GOAWAY
    seq_t goaway = no_seq;

    // `apart` is a connection for which no stop waits: by its role, or because it came after the stop and has no
    // request.
    enum class standing : std::uint8_t { silent, idle, stream, busy, apart };
    standing stands(seq_t t0) const;
};

// The connection of a standing that ended last.
struct gone_peer {
    ref who;
    nanoseconds at = 0;
    seq_t seq = no_seq;
};

// A signal that was sent, and the process that it was sent to.
struct sent_signal {
    ref to;
    word_text name;
};

struct model {
    live_set<server_state> servers; // until server.free
    live_set<loop_state> loops;
    live_set<scope_state> scopes;           // until scope.disposed
    live_set<coroutine_state> coroutines;   // until coroutine.remove
    live_set<request_state> requests;       // until request.finish
    live_set<connection_state> connections; // until they are closed
    live_set<timer_state> timers;           // until timer.cancel, or timer.fire of a one-shot
    live_set<client_state> clients;         // until client.done, client.fail or client.closed
    live_set<sent_request> sent;            // by the request's number, until its client.done or client.fail
    live_set<peer_state> peers;             // by the client's number, until its connection ends
    std::array<gone_peer, 3> left;          // by standing: silent, idle, stream
    // The latest end of work: a response, a request, a coroutine, or a timer of the program.
    nanoseconds worked = 0;
    seq_t traffic = no_seq; // the latest client.traffic
    nanoseconds traffic_at = 0;
    bool traffic_goes = false;
    seq_t act = no_seq; // the first act.begin: an act that the server should survive
    nanoseconds act_at = 0;
    word_text act_name;
    seq_t t0 = no_seq; // the first act.stop, act.free or stop signal
    nanoseconds t0_time = 0;
    bool all_asked = false;      // the process was stopped, and so everything in it
    bool told_by_others = false; // t0 is a command or an HTTP request
    bool ungraceful = false;     // t0 is not the graceful signal, which would keep in-flight requests
    seq_t second = no_seq;       // the first deliberate second stop
    nanoseconds second_at = 0;
    bool second_forces = false;             // a second stop is documented to end the server at once
    seq_t listens = no_seq, ready = no_seq; // the first of each
    nanoseconds drain_timeout = 0;          // configured drain timeout; 0 if unknown
    nanoseconds accepts_for = 0;            // it goes on accepting for so long after the stop, on purpose
    nanoseconds drain_from() const { return t0_time + accepts_for; } // when it should stop accepting, and drain
    // The time from the stop to the exit when no client is connected, if it was measured; `never` if it had to be
    // killed.
    static constexpr nanoseconds never = std::numeric_limits<nanoseconds>::max();
    std::optional<nanoseconds> at_rest;
    bool pid1 = false;       // the main process is process 1 of a PID namespace
    bool told_first = false; // the stop is a signal to one process, which has to forward it to the one that serves
    // The first process does not forward its signal: seen with no client connected, or because the process that serves
    // exited only when it was sent the signal itself.
    bool unforwarded_at_rest = false, unforwarded_here = false;
    bool not_forwarded() const { return told_first && (unforwarded_at_rest || unforwarded_here); }
    bool discarded = false; // a process 1 of a PID namespace has no handler for the signal: the kernel discards it
    bool startup = false;   // the stop came while the server started
    // Whether the process exited sooner or later when the clients left sooner or later, if another execution tried it.
    std::optional<bool> follows;
    seq_t last = no_seq; // the latest event that is not a decision
    ref latest_freed;    // the object whose lifetime ended last, by an event before this one
    seq_t latest_freed_at = no_seq;
    bool asserted = false;       // an assertion failed
    bool process_exited = false; // this and the following members describe the main process
    std::optional<int> exit_status;
    word_text signal; // the signal that it died of ("SIGABRT"), or ""
    std::vector<sent_signal> signals_sent;

    void apply(event const&);     // call before rules see the event; entities that it ends stay until forget()
    void forget(event const& e) { // call after rules saw the event
        if (endings.contains(e.what)) end(e);
    }
    void apply(footer const&); // the end of the process, unless an event has recorded it

    // Whether an act other than a stop began and nothing was stopped: then each request is owed a response.
    bool owes_all() const { return act != no_seq && t0 == no_seq; }
    seq_t cause() const { return owes_all() ? act : t0; } // the act by which requests are judged
    nanoseconds cause_at() const { return owes_all() ? act_at : t0_time; }
    std::string cause_text() const; // "the stop", "the reload", "the traffic" where traffic is the only act

    // Whether the server died of a failed assertion or a signal, and so lost everything that was alive.
    bool died() const { return asserted || !signal.empty(); }
    // Whether it died of a signal that was not sent to it. A command or a request that stops the server may send any
    // signal that is not a fault.
    bool died_unasked() const { return !signal.empty() && !was_sent(signal) && (!told_by_others || is_fault(signal)); }
    bool crashed() const { return asserted || died_unasked(); }
    bool was_sent(std::string_view signal_name, ref to = {entity::process, 1}) const;

    bool stopped_before_ready() const;
    // The stop came while the server started, and it became ready nevertheless. At rest it does stop.
    bool ready_despite_stop() const { return startup && ready != no_seq && ready > t0 && at_rest != never; }
    bool is_background(coroutine_state const&) const; // detached, and its request was answered or is not known
    bool inside(ref scope, ref ancestor) const;       // the scope is the ancestor or below it
    // Calls f(number, scope_state const&) for the scopes below this one, parents first, until f returns
    // walk::stop. After walk::skip the scopes below that one are left out.
    enum class walk : std::uint8_t { on, skip, stop };
    template <class F> void each_below(std::uint32_t scope, F&& f) const;

    // Whether the end of this server is the end for what belongs to `known`. What belongs to no known server ends with
    // the last server that runs.
    bool ends_with(ref server, ref known) const;
    bool other_server_runs(ref server) const; // opened, and neither stopped nor freed
    bool other_loop_runs(ref loop) const;
    // Whether this server, or the whole process, was asked to stop or was freed; if no server is known, whether
    // anything was.
    bool was_asked(ref server) const;
    ref server_of(ref) const; // of a connection, request, scope or coroutine, if known
    ref server_of(coroutine_state const& c) const { return c.server || c.outside ? c.server : server_of(c.scope); }
    bool freed(ref) const; // whether the object existed and was freed
    // Of coroutine.remove: the coroutine, if it had not finished; else nullptr. Few do.
    coroutine_state const* removed_unfinished(event const& e) const {
        return removing_ && removing_->finished == no_seq && e.what == kind::coroutine_remove ? removing_ : nullptr;
    }
    bool any_detached = false; // a coroutine of the trace was
    // The cancel request that applies: its own, or that of its scope or of an outer scope; else no_seq.
    seq_t cancel_of(coroutine_state const&) const;
    seq_t cancel_of_scope(ref) const;
    bool is_above_owned(coroutine_state const&) const; // its scope contains the server and does not belong to it
    // What a client event is about: calls f(subject, sent_request const&) for the request that it names, then for the
    // others that the client waits for, when it names none or a failure ended their connection too. The subject is the
    // client where the trace does not say which request was sent.
    template <class F> void each_sent(event const&, F&& f) const;

    // Texts for people. If `words` is false they are empty, and no name is kept for them: an exploration judges 10^5
    // executions a second and describes few.
    bool words = true;
    std::string describe(ref) const; // "handler of GET /2" or the id
    std::string label(ref) const;    // "scope:3 (request:2)" or the id
    std::string who(ref) const; // "coroutine:5   handler of GET /2, spawned at #31, finished at #58, not yet removed"
    void clear();

private:
    // The kinds that end something.
    static constexpr kind_set endings{kind::server_free, kind::timer_cancel, kind::timer_fire, kind::connection_close,
        kind::request_free, kind::object_free, kind::stream_close, kind::scope_disposed, kind::request_finish,
        kind::coroutine_remove, kind::client_done, kind::client_fail, kind::client_closed, kind::client_leave};
    void end(event const&);
    void end_lifetime(event const&);
    void on_process_start(event const&);
    void on_ready(event const&);
    void opens(event const&);
    void on_server(event const&);
    void on_loop(event const&);
    void on_scope(event const&);
    void on_scope_open(event const&);
    void on_spawn(event const&);
    scope_state const* enter(coroutine_state&, ref scope); // returns its scope, unless that is gone
    void end_scope(std::uint32_t number);
    void end_coroutine(std::uint32_t number);
    void leave_behind(std::uint32_t scope, scope_state const&);
    void end_request(event const&);
    scope_state* scope_of(ref); // makes its state if the trace did not tell of it
    void use(scope_state&);     // marks it, and those around it, as used
    scope_state* at_or_null(ref scope) { return scope ? scopes.find(scope.number) : nullptr; }
    void link(scope_state&, std::uint32_t child, scope_state& above, ref parent);
    void unlink(scope_state&);
    struct birth;
    void find_owner(scope_state&, std::uint32_t number, scope_state const* above, birth const&);
    void give(std::uint32_t scope, ref server); // and the scopes below it
    bool is_below_owned(scope_state const&) const;
    void on_coroutine(event const&);
    void on_request(event const&);
    void on_connection(event const&);
    void on_timer(event const&);
    void on_client(event const&);
    void on_peer(event const&);
    void on_stop_call(event const&);
    void on_signal(event const&);
    void on_exit(event const&);
    void stop_begins(event const&);
    void stop_again(event const&);
    void leave(ref client, event const&);
    void work_ends(event const&);
    void forget_client(event const&);
    void forget_left(event const&);
    void forget_requests(event const&);
    coroutine_state* coroutine_of(event const&);
    std::string_view name(ref) const;

    std::array<number_set, entity_count> gone_; // the freed entities of types without a state above
    number_set unanswered_;                     // the finished requests that got no response
    // Servers that hold no scope yet, and scopes that are held by an object and no server is known yet; oldest first.
    std::vector<std::uint32_t> servers_without_scope_, scopes_without_server_;
    std::vector<ref> signaled_directly_; // processes that were sent the signal of the stop themselves
    std::vector<ref> over_;              // used by forget(), kept for its capacity
    // What the event that is applied now ends; forget() does it.
    coroutine_state const* removing_ = nullptr;
    scope_state* disposing_ = nullptr;
};

template <class F> void model::each_below(std::uint32_t scope, F&& f) const {
    auto const none = scope_state::no_scope;
    scope_state const* const top = scopes.find(scope);
    std::int64_t at = top ? top->first_child : none;
    while (at != none) {
        scope_state const* s = scopes.find(static_cast<std::uint32_t>(at));
        walk const next = f(static_cast<std::uint32_t>(at), *s);
        if (next == walk::stop) return;
        if (next == walk::on && s->first_child != none) {
            at = s->first_child;
            continue;
        }
        while (s->next == none) { // up to the next scope that has one behind it
            if (s->parent.number == scope) return;
            s = scopes.find(s->parent.number);
        }
        at = s->next;
    }
}

template <class F> void model::each_sent(event const& e, F&& f) const {
    ref const named = e.id_of("request");
    bool any = false;
    if (sent_request const* s = named.type == entity::request ? sent.find(named.number) : nullptr) {
        any = true;
        f(named, *s);
    }
    bool const one_of_many = e.what == kind::client_done || e.text("how") == "timeout" || e.find("stream");
    if (named && one_of_many) return;
    sent.each([&](std::uint32_t number, sent_request const& s) {
        ref const request{entity::request, number};
        if (s.client != e.id || request == named) return;
        any = true;
        f(request, s);
    });
    if (client_state const* c = any ? nullptr : clients.find(e.id.number); c && c->sent != no_seq)
        f(e.id,
            sent_request{.client = e.id,
                .sent = c->sent,
                .first_byte = c->first_byte,
                .sent_at = c->sent_at,
                .received = c->received,
                .how = c->how});
}

} // namespace shutdown_repro::traces
