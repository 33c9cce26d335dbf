// What the model knows of the server and its process. Scopes and coroutines are in scopes.cpp, clients in
// clients.cpp.
#include "traces/model/model.hpp"
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

// Timers that a server or its client sets for itself have other words.
bool is_a_programs(std::string_view what) {
    static constexpr std::array<std::string_view, 4> words = {"", "user", "handler", "stop"};
    for (std::string_view const w : words)
        if (what == w) return true;
    return false;
}

bool is_answered(std::string_view result) { return result.empty() || result == "answered"; }

// A signal without a handler has no effect on process 1 of a PID namespace; a blocked one stays pending.
bool is_discarded_by_kernel(event const& status) {
    bool const takes = status.integer("caught", 1) || status.integer("awaited") || status.integer("blocked") ||
        status.integer("ignored");
    return status.integer("pid1") && !takes;
}

void name_request(name_text& name, event const& e) {
    name = e.text("method");
    if (std::string_view const path = e.text("path"); !path.empty()) name.append(name.empty() ? "" : " ").append(path);
}

void note_goaway(peer_state* peer, event const& e) {
    if (peer) peer->last_stream = e.integer("last"), peer->goaway = e.seq;
}

// Whether the exit moved with the clients that left sooner (or, if negative, later): by at least half of that.
bool follows_clients(nanoseconds left_sooner, nanoseconds exited_sooner) {
    return left_sooner >= 0 ? 2 * exited_sooner >= left_sooner : 2 * exited_sooner <= left_sooner;
}

} // namespace

void model::stop_begins(event const& e) {
    if (t0 != no_seq) return;
    t0 = e.seq;
    t0_time = e.t;
    startup = e.find("startup") != nullptr;
}

std::string model::cause_text() const {
    if (!owes_all()) return "the stop";
    std::string_view const name = act_name;
    if (name == "successor") return "the change to the successor";
    return name.empty() || name == "recycle" || name == "none" ? "the traffic" : "the " + std::string(name);
}

void model::stop_again(event const& e) {
    second = e.seq;
    second_at = e.t;
    second_forces |= e.text("means") == "force";
}

void model::apply(event const& e) {
    if (e.what == kind::decision) return; // a choice is not a fact about the server
    last = e.seq;
    switch (e.what) {
    case kind::server_open:
    case kind::server_listen:
    case kind::server_ready:
    case kind::server_close:
    case kind::server_stopped:
    case kind::server_destroy:
    case kind::server_free:
    case kind::act_free: return on_server(e);
    case kind::process_ready: return on_ready(e);
    case kind::act_stop: on_server(e); return on_stop_call(e);
    case kind::act_begin:
        if (act == no_seq) act = e.seq, act_at = e.t, act_name = e.text("act");
        return;
    case kind::loop_start:
    case kind::loop_stop: return on_loop(e);
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
    case kind::request_open:
    case kind::connection_open:
    case kind::stream_open: return opens(e);
    case kind::request_begin:
    case kind::request_respond: return on_request(e);
    case kind::client_connect:
    case kind::client_connected:
    case kind::client_send: on_client(e); return on_peer(e);
    case kind::client_receive: return on_client(e);
    case kind::client_goaway: note_goaway(peers.find(e.id.number), e); return;
    case kind::client_traffic: traffic = e.seq, traffic_at = e.t, traffic_goes = e.integer("going") != 0; return;
    case kind::stream_queue:
    case kind::stream_close:
    case kind::callback_enter:
    case kind::connection_close: return on_connection(e);
    case kind::timer_arm: return on_timer(e);
    case kind::process_start: return on_process_start(e);
    case kind::process_status: discarded |= is_discarded_by_kernel(e); return;
    case kind::process_signal: return on_signal(e);
    case kind::process_exit: return on_exit(e);
    case kind::assertion: asserted = true; return;
    default: return;
    }
}

void model::on_process_start(event const& e) {
    if (is_descendant(e.id)) return;
    pid1 = e.integer("pid1") != 0;
    drain_timeout = e.integer("drain_timeout") * 1'000'000;
    accepts_for = e.integer("accepts_for") * 1'000'000;
}

void model::on_ready(event const& e) {
    if (e.integer("rest_killed")) at_rest = never;
    else if (e.find("rest_ns")) at_rest = e.integer("rest_ns");
    unforwarded_at_rest |= e.find("rest_unforwarded") != nullptr;
    if (ready == no_seq) ready = e.seq;
}

void model::opens(event const& e) {
    gone_[static_cast<std::size_t>(e.id.type)].erase(e.id.number);
    if (e.what == kind::connection_open)
        connections.open(e.id.number).server = e.parent.type == entity::server ? e.parent : ref{};
}

void model::on_server(event const& e) {
    if (e.what == kind::act_free) stop_begins(e);
    if (e.what == kind::server_listen && listens == no_seq) listens = e.seq;
    if (e.what == kind::server_ready && ready == no_seq) ready = e.seq;
    if (e.id.type != entity::server) {
        all_asked |= e.what == kind::act_stop || e.what == kind::act_free;
        return;
    }
    if (e.what != kind::server_open && servers.is_gone(e.id.number)) return;
    server_state& s = servers.open(e.id.number);
    switch (e.what) {
    case kind::server_open:
        s.opened = e.seq;
        if (words) name_after(s.name, e);
        if (scopes_without_server_.empty()) return servers_without_scope_.push_back(e.id.number);
        return give(scopes_without_server_.front(), e.id); // which takes it from the list
    case kind::server_stopped: s.stopped = e.seq; return;
    case kind::act_free: s.free_asked = true; [[fallthrough]];
    case kind::act_stop:
    case kind::server_free: s.asked = true; return;
    default: return;
    }
}

void model::on_loop(event const& e) {
    loop_state& l = loops.open(e.id.number);
    if (e.what == kind::loop_start) l.started = e.seq, l.stopped = no_seq;
    else l.stopped = e.seq;
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
    if (words) name_after(t.name, e);
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
        gone_[static_cast<std::size_t>(entity::request)].erase(e.id.number);
        request_state& r = requests.open(e.id.number);
        r.begun = e.seq;
        r.connection = e.parent;
        r.server = server_of(e.parent);
        if (e.parent.type == entity::connection) connections.open(e.parent.number).request = e.id;
        if (words) name_request(r.name, e);
    } else if (!requests.was_closed(e.id.number)) {
        requests.open(e.id.number).responded = e.seq;
    }
}

void model::on_stop_call(event const& e) {
    if (e.integer("second")) stop_again(e);
    if (t0 == no_seq) told_by_others = e.find("how") != nullptr;
    stop_begins(e);
    if (coroutine_state* c = e.by.type == entity::coroutine ? coroutines.find(e.by.number) : nullptr)
        c->called_stop = e.seq, c->called_on = e.id;
}

void model::on_signal(event const& e) {
    if (!was_sent(e.text("signal"), e.id)) signals_sent.push_back({e.id, e.text("signal")});
    if (e.integer("direct")) signaled_directly_.push_back(e.id);
    if (e.integer("second")) return stop_again(e);
    if (!asks_to_stop(e)) return;
    all_asked = true;
    if (t0 != no_seq) return;
    stop_begins(e);
    std::string_view const to = e.text("to", "first");
    told_first = to == "first" || to == "pid1";
    ungraceful = !e.integer("graceful", 1) && e.integer("kept") > 0 && e.integer("lost", 1) == 0;
}

void model::on_exit(event const& e) {
    bool const directly = std::ranges::find(signaled_directly_, e.id) != signaled_directly_.end();
    unforwarded_here |= directly && e.text("signal") != "SIGKILL";
    if (is_descendant(e.id)) return;
    process_exited = true;
    signal = e.text("signal");
    if (e.find("status")) exit_status = static_cast<int>(e.integer("status"));
    if (e.integer("cause_unknown")) follows = false;
    else if (e.find("left_sooner_ns"))
        follows = follows_clients(e.integer("left_sooner_ns"), e.integer("exited_sooner_ns"));
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

bool model::was_sent(std::string_view signal_name, ref to) const {
    for (sent_signal const& s : signals_sent) // whatever is no descendant is the main process
        if ((s.to == to || (!is_descendant(s.to) && !is_descendant(to))) && s.name == signal_name) return true;
    return false;
}

void model::end(event const& e) {
    switch (e.what) {
    case kind::timer_cancel: return timers.close(e.id.number);
    case kind::timer_fire:
        if (timer_state const* t = timers.find(e.id.number)) {
            if (t->user) work_ends(e);
            if (!t->recurring) timers.close(e.id.number);
        }
        return;
    case kind::request_finish: return end_request(e);
    case kind::client_done:
    case kind::client_fail:
    case kind::client_closed: return forget_client(e);
    case kind::client_leave: return forget_left(e);
    default: return end_lifetime(e);
    }
}

void model::end_lifetime(event const& e) {
    latest_freed = e.id;
    latest_freed_at = e.seq;
    switch (e.what) {
    case kind::scope_disposed: return end_scope(e.id.number);
    case kind::coroutine_remove: return end_coroutine(e.id.number);
    case kind::server_free:
        std::erase(servers_without_scope_, e.id.number);
        servers.open(e.id.number); // it may have no state yet
        return servers.close(e.id.number);
    case kind::connection_close: connections.close(e.id.number); break;
    case kind::stream_close:
        if (e.parent.type == entity::connection) connections.close(e.parent.number);
        break;
    default: break;
    }
    gone_[static_cast<std::size_t>(e.id.type)].insert(e.id.number);
}

void model::end_request(event const& e) {
    work_ends(e);
    request_state const* const r = requests.find(e.id.number);
    if (!r && requests.was_closed(e.id.number)) return;
    bool const answered = (r && r->responded != no_seq) || is_answered(e.text("result"));
    if (!answered) unanswered_.insert(e.id.number);
    if (!r) requests.open(e.id.number); // a request without request.begin has no state yet
    requests.close(e.id.number);
}

void model::work_ends(event const& e) { worked = e.t; }

bool model::stopped_before_ready() const {
    if (t0 == no_seq || startup) return false;
    return ready == no_seq ? listens != no_seq && listens < t0 : t0 < ready;
}

bool model::other_server_runs(ref server) const {
    bool found = false;
    servers.each([&](std::uint32_t n, server_state const& s) {
        found |= ref{entity::server, n} != server && s.opened != no_seq && s.stopped == no_seq;
    });
    return found;
}

bool model::other_loop_runs(ref loop) const {
    bool found = false;
    loops.each([&](std::uint32_t n, loop_state const& l) { found |= ref{entity::loop, n} != loop && l.runs(); });
    return found;
}

bool model::ends_with(ref server, ref known) const { return known ? known == server : !other_server_runs(server); }

bool model::was_asked(ref server) const {
    if (server.type != entity::server) return t0 != no_seq;
    server_state const* const s = servers.find(server.number);
    return all_asked || (s ? s->asked : servers.was_closed(server.number));
}

ref model::server_of(ref r) const {
    auto const in = [&](auto const& set) {
        auto const* found = set.find(r.number);
        return found ? found->server : ref{};
    };
    switch (r.type) {
    case entity::server: return r;
    case entity::connection: return in(connections);
    case entity::request: return in(requests);
    case entity::scope: return in(scopes);
    case entity::coroutine: {
        coroutine_state const* const c = coroutines.find(r.number);
        return c ? server_of(*c) : ref{};
    }
    default: return {};
    }
}

bool model::freed(ref r) const {
    switch (r.type) {
    case entity::server: return servers.is_gone(r.number);
    case entity::scope: return scopes.is_gone(r.number);
    case entity::coroutine: return coroutines.is_gone(r.number);
    default: return gone_[static_cast<std::size_t>(r.type)].contains(r.number);
    }
}

void model::clear() {
    servers.clear();
    loops.clear();
    scopes.clear();
    coroutines.clear();
    requests.clear();
    connections.clear();
    timers.clear();
    for (number_set& g : gone_) g.clear();
    unanswered_.clear();
    servers_without_scope_.clear();
    scopes_without_server_.clear();
    clients.clear();
    sent.clear();
    peers.clear();
    left = {};
    worked = act_at = t0_time = second_at = traffic_at = drain_timeout = accepts_for = 0;
    act = t0 = last = second = traffic = listens = ready = latest_freed_at = no_seq;
    latest_freed = {};
    process_exited = asserted = all_asked = any_detached = told_by_others = ungraceful = second_forces = traffic_goes =
        pid1 = told_first = unforwarded_at_rest = unforwarded_here = discarded = startup = false;
    follows.reset();
    signals_sent.clear();
    signaled_directly_.clear();
    exit_status.reset();
    at_rest.reset();
    signal = std::string_view();
    act_name = std::string_view();
}

} // namespace shutdown_repro::traces
