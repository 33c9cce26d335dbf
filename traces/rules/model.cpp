#include "traces/rules/model.hpp"
#include <algorithm>
#include <array>

namespace shutdown_repro::traces {
namespace {

// Signals that only freeze or thaw a process are not a stop: a probe uses them to force a race. Neither is a second
// stop.
bool asks_to_stop(event const& e) {
    static constexpr std::array<std::string_view, 5> others = {"SIGSTOP", "SIGCONT", "SIGTSTP", "SIGTTIN", "SIGTTOU"};
    if (e.integer("second")) return false;
    if (e.find("stop")) return e.integer("stop") != 0;
    std::string_view const signal = e.text("signal");
    for (std::string_view const o : others)
        if (signal == o) return false;
    return true;
}

role role_of(std::string_view word) {
    static constexpr std::array<std::string_view, 13> words = {
        "",
        "in-flight",
        "stream-in-flight",
        "half-request",
        "backlog",
        "keepalive",
        "idle",
        "silent",
        "stream",
        "late",
        "readiness",
        "second",
        "traffic",
    };
    auto const at = std::find(words.begin(), words.end(), word);
    return at == words.end() ? role::unknown : static_cast<role>(at - words.begin());
}

// Whether RFC 9110 lets a client repeat the request automatically.
bool is_idempotent(std::string_view method) { return method != "POST" && method != "PATCH" && method != "CONNECT"; }

// A scope may be named after a request, and the reader returns the name "request:2" as an id.
void learn_name(name_text& name, event const& e) {
    if (ref const named_after = e.id_of("name")) name = to_string(named_after);
    else name = e.text("name");
}

// Timers that a server or its client sets for itself have other words.
bool is_a_programs(std::string_view what) {
    static constexpr std::array<std::string_view, 4> words = {"", "user", "handler", "stop"};
    for (std::string_view const w : words)
        if (what == w) return true;
    return false;
}

} // namespace

peer_state::standing peer_state::stands(seq_t t0) const {
    bool const counts = connected != no_seq && why != role::late && why != role::readiness && why != role::backlog &&
        why != role::traffic;
    if (!counts || (!open && connected > t0)) return standing::apart;
    if (!spoke) return standing::silent;
    if (!open) return standing::idle;
    return why == role::stream ? standing::stream : standing::busy;
}

void model::stop_begins(event const& e) {
    if (t0 != no_seq) return;
    t0 = e.seq;
    t0_time = e.t;
}

void model::stop_again(event const& e) {
    if (second != no_seq) return;
    second = e.seq;
    second_at = e.t;
    second_forces = e.text("means") == "force";
}

void model::apply(event const& e) {
    if (e.what == kind::decision) return; // a choice is not a fact about the server
    last = e.seq;
    switch (e.what) {
    case kind::server_open:
    case kind::server_stopped: return on_server(e);
    case kind::server_listen:
        if (listens == no_seq) listens = e.seq;
        return;
    case kind::server_ready:
    case kind::process_ready:
        if (e.integer("rest_killed")) at_rest = never;
        else if (e.find("rest_ns")) at_rest = e.integer("rest_ns");
        if (ready == no_seq) ready = e.seq;
        return;
    case kind::act_stop: return on_stop_call(e);
    case kind::act_free: return stop_begins(e);
    case kind::scope_open:
    case kind::scope_cancel:
    case kind::scope_cancelled:
    case kind::scope_closed:
    case kind::scope_dispose:
    case kind::scope_disposed: return on_scope(e);
    case kind::coroutine_spawn:
    case kind::coroutine_start:
    case kind::coroutine_suspend:
    case kind::coroutine_resume:
    case kind::coroutine_cancel:
    case kind::coroutine_zombie:
    case kind::coroutine_finish:
    case kind::coroutine_remove: return on_coroutine(e);
    case kind::request_begin:
    case kind::request_respond: return on_request(e);
    case kind::client_connect:
    case kind::client_connected:
    case kind::client_send: on_client(e); return on_peer(e);
    case kind::client_receive: return on_client(e);
    case kind::client_goaway:
        if (peer_state* p = peers.find(e.id.number)) p->last_stream = e.integer("last");
        return;
    case kind::client_traffic: traffic = e.seq, traffic_at = e.t, traffic_goes = e.integer("going") != 0; return;
    case kind::stream_queue:
    case kind::stream_close:
    case kind::callback_enter:
    case kind::connection_close: return on_connection(e);
    case kind::timer_arm: return on_timer(e);
    case kind::process_start:
        if (!is_descendant(e.id)) drain_timeout = e.integer("drain_timeout") * 1'000'000;
        return;
    case kind::process_signal: return on_signal(e);
    case kind::process_exit: return on_exit(e);
    case kind::assertion: asserted = true; return;
    default: return;
    }
}

void model::on_server(event const& e) {
    if (e.what == kind::server_open) {
        server_state& s = servers.open(e.id.number);
        s.opened = e.seq;
        learn_name(s.name, e);
    } else if (server_state* s = servers.find(e.id.number)) {
        s->stopped = e.seq;
    }
}

void model::on_scope(event const& e) {
    if (e.what == kind::scope_open) {
        if (scopes.find(e.id.number)) return;
        scope_state& opened = scopes.open(e.id.number);
        opened.opened = e.seq;
        learn_name(opened.name, e);
        opened.parent = e.parent;
        opened.owned = e.integer("object") != 0;
        if (e.parent.type != entity::scope || e.parent == e.id) return;
        bool const owned = opened.owned;
        scope_state* above = scopes.find(e.parent.number);
        if (above) ++above->children;
        for (; owned && above && !above->above_owned; above = scopes.find(above->parent.number)) {
            above->above_owned = true;
            if (above->parent.type != entity::scope) break;
        }
        return;
    }
    scope_state* s = scopes.find(e.id.number);
    if (!s) return;
    switch (e.what) {
    case kind::scope_cancel:
    case kind::scope_cancelled:
        if (s->cancelled == no_seq) s->cancelled = e.seq;
        return;
    case kind::scope_closed:
        if (s->closed == no_seq) s->closed = e.seq;
        return;
    default: // scope.dispose, or scope.disposed without a scope.dispose before
        if (s->disposing != no_seq) return;
        s->disposing = e.seq;
        if (s->parent.type == entity::scope)
            if (scope_state* above = scopes.find(s->parent.number); above && above->children) --above->children;
        return;
    }
}

// Creates the state of a coroutine that was spawned before the trace began at its first event.
coroutine_state* model::coroutine_of(event const& e) {
    if (coroutine_state* c = coroutines.find(e.id.number)) return c;
    return coroutines.was_closed(e.id.number) ? nullptr : &coroutines.open(e.id.number);
}

void model::on_coroutine(event const& e) {
    if (e.what == kind::coroutine_remove) return; // forget() ends it
    if (e.what == kind::coroutine_spawn) {
        if (coroutines.find(e.id.number)) return;
        coroutine_state& c = coroutines.open(e.id.number);
        c.spawned = e.seq;
        learn_name(c.name, e);
        c.detached = e.integer("detached") != 0;
        if (c.detached) c.request = e.id_of("request");
        if (e.parent.type != entity::scope) return;
        c.scope = e.parent;
        scope_state* s = scopes.find(e.parent.number);
        c.after_close = s ? s->closed != no_seq : scopes.was_closed(e.parent.number);
        if (s) ++s->members;
        for (; s && !s->used; s = s->parent.type == entity::scope ? scopes.find(s->parent.number) : nullptr)
            s->used = true;
        return;
    }
    coroutine_state* const c = coroutine_of(e);
    if (!c) return;
    switch (e.what) {
    case kind::coroutine_start: c->started = e.seq; return;
    case kind::coroutine_suspend:
        c->suspended = e.seq;
        c->waits_on = e.text("on");
        return;
    case kind::coroutine_resume: c->suspended = no_seq; return;
    case kind::coroutine_zombie: c->zombie = true; [[fallthrough]];
    case kind::coroutine_cancel:
        if (c->cancel_requested == no_seq) c->cancel_requested = e.seq;
        if (e.text("mode") == "unsafe") c->hard = true;
        return;
    default:
        work_ends(e);
        if (c->finished != no_seq) return;
        c->finished = e.seq;
        c->result = e.text("result");
        return;
    }
}

// Events of a connection are recorded for its current request.
void model::on_connection(event const& e) {
    ref const connection = e.what == kind::connection_close ? e.id : e.parent;
    auto const* c = connection.type == entity::connection ? connections.find(connection.number) : nullptr;
    request_state* const r = c ? requests.find(c->request.number) : nullptr;
    if (!r) return;
    (e.what == kind::stream_queue ? r->queued : e.what == kind::callback_enter ? r->entered : r->closed) = e.seq;
}

void model::on_timer(event const& e) {
    timer_state& t = timers.open(e.id.number);
    t = {};
    learn_name(t.name, e);
    t.loop = e.parent;
    t.owner = e.id_of("owner");
    t.by = e.by;
    t.armed = e.seq;
    t.due = e.t + e.integer("ms") * 1'000'000;
    t.recurring = e.integer("recurring") != 0;
    t.user = is_a_programs(e.text("what"));
}

void model::on_request(event const& e) {
    if (e.what == kind::request_begin) {
        if (e.parent.type == entity::connection) connections.open(e.parent.number).request = e.id;
        request_state& r = requests.open(e.id.number);
        r.begun = e.seq;
        r.connection = e.parent;
        r.name = e.text("method");
        if (std::string_view const path = e.text("path"); !path.empty())
            r.name.append(r.name.empty() ? "" : " ").append(path);
    } else if (!requests.was_closed(e.id.number)) {
        requests.open(e.id.number).responded = e.seq;
    }
}

void model::on_client(event const& e) {
    if (e.what == kind::client_receive && !clients.find(e.id.number)) return;
    client_state& c = clients.open(e.id.number);
    ref const request = e.id_of("request");
    switch (e.what) {
    case kind::client_connect:
        c = {};
        c.connect = e.seq;
        c.connect_at = e.t;
        return;
    case kind::client_connected:
        c.connected = e.seq;
        if (c.connect == no_seq) c.connect = e.seq, c.connect_at = e.t;
        return;
    case kind::client_send: {
        if (e.text("part") == "head-half") return;
        peer_state const& p = peers.open(e.id.number);
        c.sent = e.seq, c.sent_at = e.t, c.first_byte = no_seq, c.received = 0;
        c.how = {.why = p.why,
            .frozen = e.integer("frozen") != 0,
            .kept = p.answered > 0,
            .half = e.text("part") == "rest" ? p.half : no_seq,
            .repeatable = is_idempotent(e.text("method")),
            .stream = e.integer("stream")};
        if (request.type == entity::request)
            sent.open(request.number) = {.client = e.id, .sent = e.seq, .sent_at = e.t, .how = c.how};
        return;
    }
    default: {
        std::int64_t const bytes = std::max<std::int64_t>(e.integer("bytes"), 1);
        if (c.first_byte == no_seq) c.first_byte = e.seq;
        c.received += bytes;
        if (sent_request* s = request.type == entity::request ? sent.find(request.number) : nullptr) {
            if (s->first_byte == no_seq) s->first_byte = e.seq, s->first_byte_at = e.t;
            s->received += bytes;
        }
    }
    }
}

void model::on_peer(event const& e) {
    peer_state& p = peers.open(e.id.number);
    std::string_view const part = e.text("part");
    switch (e.what) {
    case kind::client_connect:
        p = {};
        p.why = role_of(e.text("role"));
        p.connect = e.seq;
        return;
    case kind::client_connected:
        p.connected = p.since = e.seq;
        if (p.connect == no_seq) p.connect = e.seq;
        return;
    default:
        if (p.connected == no_seq) p.connected = e.seq;
        p.spoke = true;
        if (part != "rest") ++p.open;
        p.half = part == "head-half" ? e.seq : no_seq;
        p.half_of = part == "head-half" ? e.id_of("request") : ref{};
        return;
    }
}

void model::on_stop_call(event const& e) {
    if (e.integer("second")) stop_again(e);
    if (t0 == no_seq) told_by_others = e.find("how") != nullptr;
    stop_begins(e);
    if (coroutine_state* c = e.by.type == entity::coroutine ? coroutines.find(e.by.number) : nullptr)
        c->called_stop = e.seq;
}

void model::on_signal(event const& e) {
    if (!was_sent(e.text("signal"))) signals_sent.emplace_back(e.text("signal"));
    if (e.integer("second")) return stop_again(e);
    if (!asks_to_stop(e) || t0 != no_seq) return;
    stop_begins(e);
    ungraceful = !e.integer("graceful", 1) && e.integer("kept") > 0 && e.integer("lost", 1) == 0;
}

void model::on_exit(event const& e) {
    if (is_descendant(e.id)) return;
    process_exited = true;
    signal = e.text("signal");
    if (e.find("status")) exit_status = static_cast<int>(e.integer("status"));
}

void model::apply(footer const& f) {
    if (process_exited || (!f.exit_status && f.signal.empty())) return;
    process_exited = true;
    exit_status = f.exit_status;
    signal = f.signal;
}

bool is_fault(std::string_view signal) {
    static constexpr std::array<std::string_view, 7> faults = {
        "SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"};
    return std::find(faults.begin(), faults.end(), signal) != faults.end();
}

bool model::was_sent(std::string_view signal_name) const {
    for (std::string_view const s : signals_sent)
        if (s == signal_name) return true;
    return false;
}

void model::end(event const& e) {
    switch (e.what) {
    case kind::server_free: return servers.close(e.id.number);
    case kind::timer_cancel: return timers.close(e.id.number);
    case kind::timer_fire:
        if (timer_state const* t = timers.find(e.id.number)) {
            if (t->user) work_ends(e);
            if (!t->recurring) timers.close(e.id.number);
        }
        return;
    case kind::connection_close: connections.close(e.id.number); [[fallthrough]];
    case kind::request_free:
    case kind::object_free: return gone_[static_cast<std::size_t>(e.id.type)].insert(e.id.number);
    case kind::stream_close:
        if (e.parent.type == entity::connection) connections.close(e.parent.number);
        return gone_[static_cast<std::size_t>(e.id.type)].insert(e.id.number);
    case kind::scope_disposed: return scopes.close(e.id.number);
    case kind::request_finish:
        requests.open(e.id.number); // a request without request.begin has no state yet
        work_ends(e);
        return requests.close(e.id.number);
    case kind::coroutine_remove:
        if (coroutine_state const* c = coroutines.find(e.id.number)) {
            scope_state* s = c->scope ? scopes.find(c->scope.number) : nullptr;
            if (s && s->members) --s->members;
            coroutines.close(e.id.number);
        }
        return;
    case kind::client_done:
    case kind::client_fail:
    case kind::client_closed: return forget_client(e);
    case kind::client_leave: return leave(e.id, e);
    default: return;
    }
}

void model::work_ends(event const& e) { worked = e.t; }

// Streams without an end, and connections apart, are not work of the server: they depend only on the client.
void model::forget_client(event const& e) {
    peer_state* const p = peers.find(e.id.number);
    bool const owed =
        !p || (p->stands(t0) != peer_state::standing::stream && p->stands(t0) != peer_state::standing::apart);
    if (e.what != kind::client_closed && owed) work_ends(e);
    over_.clear();
    each_sent(e, [&](ref request, sent_request const&) { over_.push_back(request); });
    for (ref const r : over_)
        if (r.type == entity::request) sent.close(r.number);
    clients.close(e.id.number);
    if (!p) return;
    bool const ends =
        e.what == kind::client_done ? e.integer("close") != 0 : e.what == kind::client_closed || !e.find("stream");
    if (ends) return leave(e.id, e);
    p->open -= p->open > 0;
    p->answered += e.what == kind::client_done;
    p->since = e.seq;
}

void model::leave(ref client, event const& e) {
    peer_state const* p = peers.find(client.number);
    if (!p) return;
    if (auto const at = static_cast<std::size_t>(p->stands(t0)); at < left.size())
        left[at] = {.who = client, .at = e.t, .seq = e.seq};
    peers.close(client.number);
}

bool model::stopped_before_ready() const {
    if (t0 == no_seq) return false;
    return ready == no_seq ? listens != no_seq && listens < t0 : t0 < ready;
}

bool model::is_background(coroutine_state const& c) const {
    if (!c.detached) return false;
    request_state const* r = c.request.type == entity::request ? requests.find(c.request.number) : nullptr;
    return !r || r->responded != no_seq;
}

bool model::inside(ref scope, ref ancestor) const {
    // The parents in a trace may be wrong: a chain longer than the number of scopes is a cycle.
    for (std::size_t steps = 0; scope.type == entity::scope && steps <= scopes.size(); ++steps) {
        if (scope == ancestor) return true;
        scope_state const* s = scopes.find(scope.number);
        if (!s) return false;
        scope = s->parent;
    }
    return false;
}

bool model::freed(ref r) const {
    switch (r.type) {
    case entity::server: return servers.is_gone(r.number);
    case entity::scope: return scopes.is_gone(r.number);
    case entity::coroutine: return coroutines.is_gone(r.number);
    default: return gone_[static_cast<std::size_t>(r.type)].contains(r.number);
    }
}

seq_t model::cancel_of(coroutine_state const& c) const {
    if (c.cancel_requested != no_seq) return c.cancel_requested;
    ref above = c.scope;
    for (std::size_t steps = 0; above.type == entity::scope && steps <= scopes.size(); ++steps) {
        scope_state const* s = scopes.find(above.number);
        if (!s) break;
        if (s->cancelled != no_seq) return s->cancelled;
        above = s->parent;
    }
    return no_seq;
}

void model::clear() {
    servers.clear();
    scopes.clear();
    coroutines.clear();
    requests.clear();
    connections.clear();
    timers.clear();
    for (number_set& g : gone_) g.clear();
    clients.clear();
    sent.clear();
    peers.clear();
    left = {};
    worked = t0_time = second_at = traffic_at = drain_timeout = 0;
    t0 = last = second = traffic = listens = ready = no_seq;
    process_exited = asserted = told_by_others = ungraceful = second_forces = traffic_goes = false;
    signals_sent.clear();
    exit_status.reset();
    at_rest.reset();
    signal = std::string_view();
}

} // namespace shutdown_repro::traces
