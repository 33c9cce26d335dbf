#include "tests/traces/rules/oracle_facts.hpp"
#include <algorithm>
#include <set>

namespace shutdown_repro::traces {

trace_facts::trace_facts(trace const& t) : events_(t.events) {
    for (event& e : events_) {
        if (e.what != kind::object_free) continue;
        if (e.id.type == entity::server) e.what = kind::server_free;
        if (e.id.type == entity::scope) e.what = kind::scope_disposed;
        if (e.id.type == entity::coroutine) e.what = kind::coroutine_remove;
        if (e.id.type == entity::request) e.what = kind::request_free;
    }
}

int trace_facts::first_of(std::vector<kind> const& kinds, ref r, int from) const {
    for (int i = from; i < size(); ++i)
        if (id(i) == r && std::ranges::count(kinds, what(i))) return i;
    return never;
}

int trace_facts::last_of(std::vector<kind> const& kinds, ref r, int before) const {
    for (int i = std::min(before, size()) - 1; i >= 0; --i)
        if (id(i) == r && std::ranges::count(kinds, what(i))) return i;
    return -1;
}

int trace_facts::first(kind k, ref r, int from) const { return first_of({k}, r, from); }
int trace_facts::last(kind k, ref r, int before) const { return last_of({k}, r, before); }

int trace_facts::count(kind k, ref r, int before) const {
    int n = 0;
    for (int i = 0; i < std::min(before, size()); ++i) n += id(i) == r && what(i) == k;
    return n;
}

std::vector<ref> trace_facts::all(entity type) const {
    std::set<ref> found;
    for (int i = 0; i < size(); ++i) {
        for (ref const r : {id(i), at(i).parent})
            if (r.type == type) found.insert(r);
        for (ref const r : at(i).ids_of("live"))
            if (r.type == type) found.insert(r);
    }
    return {found.begin(), found.end()};
}

int trace_facts::freed(ref r) const {
    switch (r.type) {
    case entity::server: return first(kind::server_free, r);
    case entity::scope: return disposed(r);
    case entity::coroutine: return removed(r);
    case entity::request: return first(kind::request_free, r);
    case entity::connection: return first_of({kind::connection_close, kind::object_free}, r);
    case entity::stream: return first_of({kind::stream_close, kind::object_free}, r);
    default: return first(kind::object_free, r);
    }
}

// ---- scopes

ref trace_facts::parent(ref scope, int i) const {
    int const open = first(kind::scope_open, scope);
    if (open > i || disposed(scope) < open) return {};
    ref const above = at(open).parent;
    if (above.type != entity::scope || above == scope || is_freed(above, open)) return {};
    // Of the parents that would close a circle, the one that is told last is void.
    std::set<ref> seen{scope};
    for (ref r = above; r.type == entity::scope;) {
        if (!seen.insert(r).second) return r == scope ? ref{} : above;
        int const told = first(kind::scope_open, r);
        if (told >= open) break;
        r = at(told).parent;
        if (r.type == entity::scope && is_freed(r, told)) break;
    }
    return above;
}

bool trace_facts::below(ref scope, ref ancestor, int i) const {
    for (ref r = parent(scope, i); r; r = parent(r, i))
        if (r == ancestor) return true;
    return false;
}

int trace_facts::begins(ref scope) const { return first_of({kind::scope_dispose, kind::scope_disposed}, scope); }

bool trace_facts::used(ref scope, int i) const {
    for (ref const c : all(entity::coroutine)) {
        ref const home = scope_of(c);
        if (known_since(c) <= i && home && !is_freed(home, known_since(c)) && in(home, scope, i)) return true;
    }
    return false;
}

bool trace_facts::owned(ref scope) const {
    int const open = first(kind::scope_open, scope);
    return open != never && (at(open).integer("object") || at(open).find("owner"));
}

// The first scope that an object holds, below no other one, belongs to the first server, and so on.
ref trace_facts::server_of_scope(ref scope, int until) const {
    std::vector<ref> servers, waiting;
    std::set<ref> done;
    std::vector<std::pair<ref, ref>> known;
    auto const of = [&](ref s, int i) -> ref {
        for (; s; s = parent(s, i))
            for (auto const& [which, server] : known)
                if (which == s) return server;
        return {};
    };
    for (int i = 0; i <= std::min(until, size() - 1); ++i) {
        ref const who = id(i);
        if (what(i) == kind::server_free) std::erase(servers, who);
        if (what(i) == kind::scope_disposed) std::erase(waiting, who);
        std::erase_if(waiting, [&](ref s) { return static_cast<bool>(of(s, i)); });
        if (what(i) == kind::server_open && !is_freed(who, i)) {
            if (waiting.empty()) servers.push_back(who);
            else known.emplace_back(waiting.front(), who), waiting.erase(waiting.begin());
        }
        if (what(i) != kind::scope_open || first(kind::scope_open, who) != i || is_freed(who, i)) continue;
        ref const owner = given_server(at(i).id_of("owner"), i), named = given_server(at(i).id_of("name"), i);
        ref server = owner ? owner : of(parent(who, i), i);
        if (!server) server = named;
        bool nested = false;
        for (ref above = parent(who, i); above; above = parent(above, i))
            nested |= owned(above) && first(kind::scope_open, above) < i && !is_freed(above, i);
        if (server) {
            known.emplace_back(who, server);
            if (owned(who)) std::erase(servers, server);
        } else if (!owned(who) || nested) {
            continue;
        } else if (!servers.empty()) {
            known.emplace_back(who, servers.front());
            servers.erase(servers.begin());
        } else {
            std::vector<ref> alive;
            for (ref const s : all(entity::server)) {
                bool const seen =
                    first_of({kind::server_open, kind::server_listen, kind::server_ready, kind::server_close,
                                 kind::server_stopped, kind::server_destroy, kind::act_stop, kind::act_free},
                        s) <= i;
                if (seen && !is_freed(s, i)) alive.push_back(s);
            }
            if (alive.size() == 1) known.emplace_back(who, alive[0]);
            else waiting.push_back(who);
        }
    }
    return of(scope, until);
}

// ---- coroutines

int trace_facts::known_since(ref c) const {
    using enum kind;
    return first_of({coroutine_spawn, coroutine_start, coroutine_suspend, coroutine_resume, coroutine_cancel,
                        coroutine_zombie, coroutine_finish},
        c);
}

ref trace_facts::scope_of(ref c) const {
    int const since = known_since(c);
    ref const home = since == never ? ref{} : at(since).parent;
    return home.type == entity::scope ? home : ref{};
}

int trace_facts::suspended_at(ref c, int i) const {
    int const latest = last_of({kind::coroutine_suspend, kind::coroutine_resume}, c, i);
    return latest >= 0 && what(latest) == kind::coroutine_suspend ? latest : -1;
}

bool trace_facts::readied(ref c, int i) const {
    int const since = suspended_at(c, i);
    if (since < 0) return false;
    for (int k = since; k < i; ++k) {
        if (what(k) != kind::coroutine_cancel || id(k) != c) continue;
        bool hard = false, zombie_before = false, zombie_after = false;
        for (int j = 0; j < i; ++j) {
            if (id(j) != c) continue;
            hard |= what(j) == kind::coroutine_cancel && j <= k && at(j).text("mode") == "unsafe";
            zombie_before |= what(j) == kind::coroutine_zombie && j < k;
            zombie_after |= what(j) == kind::coroutine_zombie && j > k;
        }
        if (hard || (!zombie_before && !zombie_after)) return true;
    }
    return false;
}

bool trace_facts::cancelled(ref c, int i) const {
    if (first_of({kind::coroutine_cancel, kind::coroutine_zombie}, c) <= i) return true;
    ref const home = scope_of(c);
    bool const there = home && disposed(home) > known_since(c);
    int const until = there ? std::min({i, size() - 1, disposed(home)}) : -1; // what comes later does not reach it
    for (int k = 0; k <= until; ++k) {
        bool const cancels = what(k) == kind::scope_cancel || what(k) == kind::scope_cancelled;
        if (cancels && in(home, id(k), until) && !is_freed(id(k), k)) return true;
    }
    return false;
}

bool trace_facts::detached(ref c) const {
    int const since = known_since(c);
    return since != never && what(since) == kind::coroutine_spawn && at(since).integer("detached");
}

bool trace_facts::background(ref c, int i) const {
    if (!detached(c)) return false;
    ref const request = at(known_since(c)).id_of("request");
    if (request.type != entity::request) return true;
    int const responded = first(kind::request_respond, request), finished = first(kind::request_finish, request);
    if (responded <= i && responded < finished) return true;
    if (finished < i) {
        std::string_view const result = at(finished).text("result");
        return result.empty() || result == "answered";
    }
    return first(kind::request_begin, request) > i; // a request of which the trace knows nothing
}

bool trace_facts::outside(ref c) const {
    int const since = known_since(c);
    ref const owner = since == never || what(since) != kind::coroutine_spawn ? ref{} : at(since).id_of("owner");
    return owner && owner.type != entity::server;
}

ref trace_facts::server_of_coroutine(ref c, int i) const {
    int const since = known_since(c);
    if (since == never) return {};
    if (what(since) == kind::coroutine_spawn && !outside(c)) {
        event const& spawn = at(since);
        if (spawn.id_of("owner").type == entity::server) return spawn.id_of("owner");
        bool const by_scope = scope_of(c) && !is_freed(scope_of(c), since) && server_of_scope(scope_of(c), since);
        if (!by_scope)
            for (ref const r : {spawn.id_of("request"), spawn.id_of("name"), spawn.by}) {
                bool const lives_now = r.type == entity::coroutine && r != c && lives(r, since - 1);
                if (ref const s = lives_now ? server_of_coroutine(r, since) : given_server(r, since)) return s;
            }
    }
    ref const home = scope_of(c);
    bool const there = home && disposed(home) > since;
    return there && !outside(c) ? server_of_scope(home, std::min(i, disposed(home))) : ref{};
}

ref trace_facts::given_server(ref r, int i) const {
    if (r.type == entity::server) return r;
    bool const under_way =
        r.type == entity::request && first(kind::request_begin, r) <= i && first(kind::request_finish, r) >= i;
    return under_way ? server_of_request(r) : ref{};
}

ref trace_facts::server_of_request(ref request) const {
    int const begun = first(kind::request_begin, request);
    if (begun == never) return {};
    ref const via = at(begun).parent;
    if (via.type == entity::server) return via;
    int const open = last(kind::connection_open, via, begun);
    bool const closed = last(kind::connection_close, via, begun) > open;
    return open >= 0 && !closed && at(open).parent.type == entity::server ? at(open).parent : ref{};
}

// ---- stops

bool trace_facts::is_stop(int i) const {
    if (what(i) == kind::act_stop || what(i) == kind::act_free) return true;
    std::string_view const signal = at(i).text("signal");
    bool const freezes = signal == "SIGSTOP" || signal == "SIGTSTP" || signal == "SIGCONT";
    return what(i) == kind::process_signal && at(i).integer("stop", !freezes) && !at(i).integer("second");
}

int trace_facts::stop() const {
    for (int i = 0; i < size(); ++i)
        if (is_stop(i)) return i;
    return never;
}

bool trace_facts::asked(ref server, int i) const {
    if (server.type != entity::server) return stop() <= i;
    for (int k = 0; k <= std::min(i, size() - 1); ++k)
        if ((is_stop(k) && (id(k).type != entity::server || id(k) == server)) ||
            (what(k) == kind::server_free && id(k) == server))
            return true;
    return false;
}

bool trace_facts::other_server_runs(ref server, int i) const {
    for (ref const s : all(entity::server))
        if (s != server && first(kind::server_open, s) <= i && first(kind::server_stopped, s) > i && !is_freed(s, i))
            return true;
    return false;
}

bool trace_facts::other_loop_runs(ref loop, int i) const {
    for (ref const l : all(entity::loop)) {
        int const latest = last_of({kind::loop_start, kind::loop_stop}, l, i + 1);
        if (l != loop && latest >= 0 && what(latest) == kind::loop_start) return true;
    }
    return false;
}

bool trace_facts::is_second_stop(int i) const {
    bool const stops = what(i) == kind::act_stop || what(i) == kind::process_signal;
    return stops && at(i).integer("second");
}

int trace_facts::begun_act(int before) const {
    for (int i = 0; i < before; ++i)
        if (what(i) == kind::act_begin) return i;
    return -1;
}

// ---- clients and the process

std::vector<ref> trace_facts::all_requests_sent() const {
    std::set<ref> found;
    for (int i = 0; i < size(); ++i)
        if (what(i) == kind::client_send && at(i).id_of("request")) found.insert(at(i).id_of("request"));
    return {found.begin(), found.end()};
}

std::string_view trace_facts::role(ref client, int i) const {
    int const connect = last(kind::client_connect, client, i);
    return connect < 0 ? std::string_view{} : at(connect).text("role");
}

int trace_facts::begins_client(ref client) const {
    return first_of({kind::client_connect, kind::client_connected, kind::client_send}, client);
}

bool trace_facts::one_stream_only(int i) const {
    bool const alone = at(i).find("stream") || at(i).text("how") == "timeout";
    return what(i) == kind::client_fail && alone && at(i).id_of("request");
}

std::int64_t trace_facts::told_at_start(std::string_view key) const {
    int const start = first(kind::process_start, {entity::process, 1});
    return start == never ? 0 : at(start).integer(key);
}

bool trace_facts::never_stops() const {
    for (int i = 0; i < size(); ++i)
        if (what(i) == kind::process_ready && at(i).integer("rest_killed")) return true;
    return false;
}

nanoseconds trace_facts::drains_from() const {
    return (stop() == never ? 0 : at(stop()).t) + told_at_start("accepts_for") * 1'000'000;
}

bool trace_facts::was_sent(ref process, std::string_view signal, int before) const {
    for (int i = 0; i < std::min(before, size()); ++i)
        if (what(i) == kind::process_signal && id(i) == process && at(i).text("signal") == signal) return true;
    return false;
}

} // namespace shutdown_repro::traces
