#include "tests/traces/rules/generator.hpp"

namespace shutdown_repro::traces {

trace trace_generator::draw() {
    missteps_ = one_of({0u, 4u, 12u, 60u});
    for (auto const& [type, most] : {std::pair{entity::server, 3u}, {entity::loop, 2u}, {entity::scope, 7u},
             {entity::coroutine, 6u}, {entity::request, 4u}, {entity::connection, 4u}, {entity::timer, 3u},
             {entity::listener, 4u}, {entity::other, 3u}, {entity::process, 3u}, {entity::stream, 3u}})
        most_[static_cast<std::size_t>(type)] = 1 + below(most);
    std::uint32_t const events = 4 + below(one_of({12u, 30u, 60u}));
    while (drawn_.events.size() < events) step();
    if (chance(40)) finish_in_order();
    return std::move(drawn_);
}

void trace_generator::tell(draft const& d) {
    event e;
    e.seq = drawn_.events.size();
    e.t = now_ += below(3) * 1'000'000;
    e.what = d.what, e.id = d.id, e.parent = d.parent, e.by = d.by;
    e.detail = d.detail;
    drawn_.append(e);
}

ref trace_generator::pick(entity type, std::initializer_list<state> wanted) {
    if (chance(missteps_)) return any(type);
    std::vector<ref> found;
    for (std::uint32_t n = 1; n <= most_[static_cast<std::size_t>(type)]; ++n)
        for (state const s : wanted)
            if (of({type, n}) == s) found.push_back({type, n});
    return found.empty() ? ref{} : found[below(static_cast<std::uint32_t>(found.size()))];
}

ref trace_generator::fresh(entity type) {
    std::uint32_t const most = most_[static_cast<std::size_t>(type)];
    for (std::uint32_t tries = 0; tries < most; ++tries) {
        ref const r{type, chance(missteps_) ? 1 + below(most) : 1 + tries};
        if (of(r) == state::none) return r;
    }
    return {};
}

void trace_generator::step() {
    switch (below(24)) {
    case 0:
    case 1: return server_event();
    case 2: return stop_event();
    case 3:
    case 4:
    case 5: return scope_event();
    case 6:
    case 7: return dispose_event();
    case 8:
    case 9:
    case 10: return coroutine_begins();
    case 11:
    case 12:
    case 13:
    case 14: return coroutine_event();
    case 15:
    case 16: return request_event();
    case 17: return timer_event();
    case 18: return loop_event();
    case 19:
    case 20: return hook_event();
    case 21: return object_event();
    case 22: return process_event();
    default: return chance(50) ? stop_event() : timer_event();
    }
}

void trace_generator::server_event() {
    using enum kind;
    if (chance(45)) {
        if (ref const s = fresh(entity::server)) tell({server_open, s}), of(s) = state::open;
        return;
    }
    ref const s = pick(entity::server, {state::open, state::closing});
    if (!s) return;
    kind const what = one_of({server_listen, server_ready, server_close, server_stopped, server_stopped, server_destroy,
        server_free, server_free, object_free});
    ref const by = what == server_stopped && chance(30) ? pick(entity::coroutine, {state::running}) : ref{};
    tell({what, s, {}, {}, by});
    if (what == server_free || what == object_free) of(s) = state::freed;
}

void trace_generator::stop_event() {
    ref const by = chance(50) ? pick(entity::coroutine, {state::running, state::suspended}) : ref{};
    if (chance(20)) {
        tell({kind::process_signal, {entity::process, 1}, {}, {{"signal", "SIGTERM"}, {"stop", chance(70)}}});
    } else if (ref const s = pick(entity::server, {state::open}); s) {
        tell({chance(70) ? kind::act_stop : kind::act_free, s, {}, {}, by});
        if (by && chance(60)) tell({kind::coroutine_suspend, by, {}, {{"on", "stop"}}}), of(by) = state::suspended;
    }
}

void trace_generator::scope_event() {
    using enum kind;
    if (chance(55)) {
        ref const s = fresh(entity::scope);
        if (!s) return;
        std::vector<field> detail;
        if (chance(30)) detail.push_back({"object", true});
        if (chance(8)) detail.push_back({"owner", any(entity::server)});
        if (chance(15)) detail.push_back({"name", any(entity::request)});
        tell({scope_open, s, chance(65) ? pick(entity::scope, {state::open, state::closing}) : ref{}, detail});
        of(s) = state::open;
    } else if (ref const s = pick(entity::scope, {state::open, state::closing}); s) {
        kind const what = one_of({scope_attach, scope_cancel, scope_cancelled, scope_closed, scope_closed, scope_notify,
            scope_unref, scope_refuse, scope_access});
        std::vector<field> detail;
        if (what == scope_attach) detail.push_back({"listener", any(entity::listener)});
        if (what == scope_access) detail.push_back({"freed", chance(20)});
        tell({what, s, {}, detail});
    }
}

void trace_generator::dispose_event() {
    ref const s = pick(entity::scope,
        chance(60) ? std::initializer_list<state>{state::closing, state::open}
                   : std::initializer_list<state>{state::closing});
    if (!s) return;
    bool const begins = of(s) != state::closing && chance(85);
    live_.clear();
    if (chance(10)) live_.push_back(any(entity::coroutine));
    std::vector<field> detail;
    if (begins && !live_.empty()) detail.push_back({"live", std::span<ref const>(live_)});
    kind const ends = chance(5) ? kind::object_free : kind::scope_disposed;
    tell({begins ? kind::scope_dispose : ends, s, {}, detail});
    of(s) = begins ? state::closing : state::freed;
}

void trace_generator::coroutine_begins() {
    ref const c = chance(60) ? fresh(entity::coroutine) : ref{};
    if (c) {
        std::vector<field> detail;
        if (chance(30)) detail.push_back({"detached", true});
        if (chance(30)) detail.push_back({"request", any(entity::request)});
        if (chance(10)) detail.push_back({"owner", chance(60) ? any(entity::server) : any(entity::loop)});
        ref const scope = chance(80) ? pick(entity::scope, {state::open, state::closing}) : ref{};
        ref const by = chance(20) ? pick(entity::coroutine, {state::running}) : ref{};
        tell({kind::coroutine_spawn, c, scope, detail, by});
        of(c) = state::open, scopes_[c] = scope;
    } else if (ref const queued = pick(entity::coroutine, {state::open}); queued && of(queued) != state::freed) {
        tell({kind::coroutine_start, queued, scopes_[queued]});
        of(queued) = state::running;
    }
}

void trace_generator::coroutine_event() {
    using enum kind;
    ref const c = pick(entity::coroutine, {state::open, state::running, state::suspended, state::over});
    if (!c) return;
    bool const wild = chance(missteps_);
    kind what = one_of({coroutine_suspend, coroutine_suspend, coroutine_resume, coroutine_cancel, coroutine_zombie,
        coroutine_finish, coroutine_finish, coroutine_hook, coroutine_remove, coroutine_start});
    if (!wild) {
        state const now = of(c);
        if (now == state::open) what = one_of({coroutine_start, coroutine_start, coroutine_cancel, coroutine_finish});
        if (now == state::running)
            what = one_of({coroutine_suspend, coroutine_suspend, coroutine_finish, coroutine_cancel});
        if (now == state::suspended)
            what = one_of({coroutine_resume, coroutine_resume, coroutine_cancel, coroutine_zombie, coroutine_finish});
        if (now == state::over)
            what = one_of({coroutine_remove, coroutine_remove, coroutine_hook, coroutine_suspend, coroutine_resume});
    }
    std::vector<field> detail;
    if (what == coroutine_suspend) detail.push_back({"on", one_of({"delay", "stop", "hook"})});
    if (what == coroutine_cancel) detail.push_back({"mode", one_of({"safe", "unsafe"})});
    if (what == coroutine_finish && chance(90))
        detail.push_back({"result", one_of({"completed", "cancelled", "failed", "destroyed", "never ran"})});
    if (what == coroutine_finish && chance(5)) detail.push_back({"queued", true});
    if (what == coroutine_remove && chance(8)) what = object_free;
    tell({what, c, scopes_[c], detail});
    state& s = of(c);
    if (what == coroutine_remove || what == object_free) s = state::freed;
    else if (s == state::freed || s == state::over) return;
    else if (what == coroutine_finish) s = state::over;
    else if (what == coroutine_suspend) s = state::suspended;
    else if (what == coroutine_resume || what == coroutine_start) s = state::running;
    else if (s == state::none) s = state::open;
}

void trace_generator::request_event() {
    using enum kind;
    switch (below(6)) {
    case 0:
        if (ref const c = fresh(entity::connection)) {
            tell({connection_open, c, chance(80) ? pick(entity::server, {state::open}) : ref{}});
            of(c) = state::open;
        }
        return;
    case 1:
    case 2:
        if (ref const r = fresh(entity::request)) {
            ref const via = chance(85) ? pick(entity::connection, {state::open}) : any(entity::server);
            tell({request_begin, r, via});
            of(r) = state::open;
        }
        return;
    case 3:
        if (ref const c = pick(entity::connection, {state::open}); c && chance(50)) {
            if (chance(50)) tell({callback_enter, c}), of(c) = state::open;
            else tell({connection_close, c}), of(c) = state::freed;
        }
        return;
    default:
        ref const r = pick(entity::request, {state::open, state::running, state::over});
        if (!r) return;
        kind const what = of(r) == state::over ? one_of({request_free, object_free})
                                               : one_of({request_respond, request_finish, request_finish});
        std::vector<field> detail;
        if (what == request_finish && chance(70)) detail.push_back({"result", one_of({"answered", "dropped"})});
        tell({what, r, {}, detail});
        of(r) = what == request_finish ? state::over : what == request_respond ? state::running : state::freed;
    }
}

void trace_generator::timer_event() {
    if (chance(45)) {
        ref const t = any(entity::timer);
        std::vector<field> detail{{"ms", 5}};
        if (chance(20)) detail.push_back({"recurring", true});
        if (chance(30)) detail.push_back({"what", one_of({"user", "keep-alive"})});
        if (chance(50)) {
            ref const owners[] = {any(entity::server), any(entity::scope), any(entity::request), any(entity::other)};
            detail.push_back({"owner", owners[below(4)]});
        }
        tell({kind::timer_arm, t, chance(80) ? any(entity::loop) : ref{}, detail});
        of(t) = state::open;
    } else if (ref const t = pick(entity::timer, {state::open, state::over}); t) {
        tell({chance(70) ? kind::timer_fire : kind::timer_cancel, t});
        of(t) = state::over;
    }
}

void trace_generator::loop_event() {
    using enum kind;
    ref const loop = any(entity::loop);
    kind const what = one_of({loop_start, loop_start, loop_stopping, loop_stop, loop_stop, loop_error});
    std::vector<field> detail;
    if (what == loop_stop && chance(40)) detail.push_back({"why", one_of({"stall", "uncaught error", "requested"})});
    if (what == loop_stop && chance(40))
        detail.push_back({one_of({"ready", "queued", "due"}), static_cast<int>(below(2))});
    tell({what, loop, {}, detail});
}

void trace_generator::hook_event() {
    using enum kind;
    ref const hook = any(entity::listener);
    switch (below(8)) {
    case 0:
    case 1:
    case 2: {
        ref const owner = chance(60) ? pick(entity::server, {state::open}) : chance(70) ? any(entity::loop) : ref{};
        return tell({hook_add, hook, owner});
    }
    case 3:
    case 4: return tell({hook_begin, hook, chance(30) ? any(entity::scope) : ref{}});
    case 5: return tell({hook_end, hook});
    case 6: return tell({listener_wake, hook, chance(70) ? any(entity::scope) : ref{}});
    default:
        if (of(hook) == state::none && chance(40)) tell({object_free, hook}), of(hook) = state::freed;
    }
}

void trace_generator::object_event() {
    using enum kind;
    ref const types[] = {any(entity::server), any(entity::scope), any(entity::other), any(entity::request),
        any(entity::loop), any(entity::coroutine)};
    switch (below(3)) {
    case 0: return tell({object_depend, types[below(6)], {}, {{"on", types[below(6)]}}});
    case 1: return tell({callback_enter, types[below(6)], {}, {{"method", "close"}}});
    default:
        if (ref const o = any(entity::other); of(o) == state::none) tell({object_free, o}), of(o) = state::freed;
    }
}

void trace_generator::process_event() {
    ref const process = any(entity::process);
    if (of(process) != state::none || chance(60)) return;
    std::vector<field> detail;
    if (chance(70)) detail.push_back({"status", static_cast<int>(below(2))});
    else detail.push_back({"signal", one_of({"SIGTERM", "SIGKILL", "SIGSEGV"})});
    tell({kind::process_exit, process, {}, detail});
    of(process) = state::freed;
}

// A proper end of most that is left.
void trace_generator::finish_in_order() {
    using enum kind;
    for (std::uint32_t n = most_[static_cast<std::size_t>(entity::coroutine)]; n > 0; --n) {
        ref const c{entity::coroutine, n};
        state const now = of(c);
        if (now == state::none || now == state::freed || chance(missteps_)) continue;
        if (now == state::suspended) tell({coroutine_resume, c, scopes_[c]});
        if (now == state::open) tell({coroutine_start, c, scopes_[c]});
        if (now != state::over) tell({coroutine_finish, c, scopes_[c], {{"result", "completed"}}});
        tell({coroutine_remove, c, scopes_[c]});
        of(c) = state::freed;
    }
    for (std::uint32_t n = most_[static_cast<std::size_t>(entity::scope)]; n > 0; --n) {
        ref const s{entity::scope, n};
        if (of(s) == state::none || of(s) == state::freed || chance(missteps_)) continue;
        if (of(s) == state::open) tell({scope_dispose, s});
        tell({scope_disposed, s});
        of(s) = state::freed;
    }
}

} // namespace shutdown_repro::traces
