#include "traces/phrases/state.hpp"
#include <algorithm>
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

void add(std::string& list, std::string_view item) {
    if (!list.empty()) list += ", ";
    list += item;
}

std::string since(seq_t seq) { return " since #" + std::to_string(seq); }

std::string state(coroutine_state const& c) {
    if (c.finished != no_seq) {
        std::string const how = c.result.empty() ? "" : " (" + printable(c.result.str()) + ")";
        return "finished" + how + since(c.finished) +
            (c.suspended != no_seq ? ", its completion hook still runs" : "") + ", not removed";
    }
    std::string out;
    if (c.suspended != no_seq) {
        add(out, "suspended" + (c.waits_on.empty() ? "" : " on " + printable(c.waits_on.str())) + since(c.suspended));
    } else {
        add(out, c.spawned != no_seq && c.started == no_seq ? "never ran" : "running");
    }
    if (c.zombie) add(out, "zombie");
    if (c.cancel_requested != no_seq && !c.zombie) add(out, "cancel pending");
    return out;
}

std::string state(scope_state const& s) {
    std::string out;
    if (s.disposing != no_seq) add(out, "being disposed");
    else if (s.closed != no_seq) add(out, "closed");
    if (s.cancelled != no_seq) add(out, "cancelled");
    if (out.empty()) out = "open";
    if (s.members) add(out, counted(s.members, "coroutine"));
    if (s.children) add(out, counted(s.children, "child scope", "child scopes"));
    if (!s.members && !s.children) add(out, s.used ? "empty" : "never used");
    return out;
}

std::string state(request_state const& r) { return r.responded != no_seq ? "answered, not finished" : "not answered"; }

std::string state(client_state const& c) {
    if (c.received > 0) return "has received " + std::to_string(c.received) + " bytes";
    if (c.first_byte != no_seq) return "receives its response";
    if (c.sent != no_seq) return "waits for its response";
    return c.connected != no_seq ? "connected" : "connects";
}

} // namespace

event_index::event_index(trace const& t) {
    by_seq_.reserve(t.events.size());
    for (event const& e : t.events) by_seq_.emplace_back(e.seq, &e);
    std::stable_sort(by_seq_.begin(), by_seq_.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
}

event const* event_index::find(seq_t seq) const {
    auto const at =
        std::lower_bound(by_seq_.begin(), by_seq_.end(), seq, [](auto const& a, seq_t s) { return a.first < s; });
    return at != by_seq_.end() && at->first == seq ? at->second : nullptr;
}

std::string state_of(ref who, model const& m) {
    switch (who.type) {
    case entity::server:
        if (m.servers.is_gone(who.number)) return "freed";
        break;
    case entity::coroutine:
        if (auto const* c = m.coroutines.find(who.number)) return state(*c);
        break;
    case entity::scope:
        if (auto const* s = m.scopes.find(who.number)) return state(*s);
        break;
    case entity::request:
        if (auto const* r = m.requests.find(who.number)) return state(*r);
        break;
    case entity::client:
        if (auto const* c = m.clients.find(who.number)) return state(*c);
        break;
    default: break;
    }
    return {};
}

std::string named(ref who, model const& m) { return printable(m.label(who)); }

} // namespace shutdown_repro::traces
