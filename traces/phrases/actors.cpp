#include "traces/phrases/actors.hpp"
#include <algorithm>
#include <array>
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

// Scopes and coroutines have the same rank, because the tree orders them.
int rank(entity type) {
    constexpr std::array order{entity::server, entity::control, entity::scope, entity::listener, entity::request,
        entity::connection, entity::stream, entity::timer, entity::loop, entity::client, entity::process,
        entity::world};
    auto const at = std::find(order.begin(), order.end(), type == entity::coroutine ? entity::scope : type);
    return static_cast<int>(at - order.begin());
}

} // namespace

bool ends_life(kind what) {
    switch (what) {
    case kind::server_free:
    case kind::scope_disposed:
    case kind::coroutine_remove:
    case kind::request_finish:
    case kind::connection_close:
    case kind::stream_close:
    case kind::timer_fire:
    case kind::timer_cancel:
    case kind::loop_stop:
    case kind::client_done:
    case kind::client_fail:
    case kind::client_closed:
    case kind::client_leave:
    case kind::process_exit: return true;
    default: return false;
    }
}

std::string name_given(event const& e) {
    if (e.what == kind::request_begin) {
        std::string const method(e.text("method")), path(e.text("path"));
        return printable(method.empty() || path.empty() ? method + path : method + " " + path);
    }
    bool const naming = e.what == kind::server_open || e.what == kind::scope_open || e.what == kind::coroutine_spawn ||
        e.what == kind::process_start;
    if (!naming) return {};
    ref const id = e.id_of("name"); // a name that looks like an id, as some writers leave it
    return id ? to_string(id) : printable(e.text("name"));
}

namespace {

// A coroutine stands before the child scopes of its scope.
bool before(actor const& a, actor const& b) {
    int const ra = rank(a.id.type), rb = rank(b.id.type);
    if (ra != rb) return ra < rb;
    if (a.id.type != b.id.type) return a.id.type == entity::coroutine;
    return a.id.number < b.id.number;
}

} // namespace

actor_list::actor_list(trace const& t, std::size_t end) {
    for (std::size_t i = 0; i < std::min(end, t.events.size()); ++i) note(t.events[i], i);
    arrange();
}

actor& actor_list::seen(ref who, std::size_t index) {
    auto const [at, fresh] = place_.try_emplace(who, actors_.size());
    if (fresh) actors_.push_back({.id = who, .parent = {}, .name = {}, .first = index});
    actor& m = actors_[at->second];
    m.last = index;
    return m;
}

void actor_list::note(event const& e, std::size_t index) {
    if (e.by) seen(e.by, index);
    if (!e.id) return;
    actor& m = seen(e.id, index);
    m.over = ends_life(e.what);
    if (e.parent && !m.parent) m.parent = e.parent;
    if (std::string name = name_given(e); !name.empty()) m.name = std::move(name);
}

// Depth first, without recursion: in traces of other writers scopes may be nested to any depth, and parents may form a
// ring.
void actor_list::arrange() {
    std::unordered_map<ref, std::vector<actor>> children;
    std::vector<actor> roots;
    std::sort(actors_.begin(), actors_.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
    std::vector<actor> const all = std::move(actors_);
    for (actor const& m : all) {
        bool const in_tree = (m.id.type == entity::scope || m.id.type == entity::coroutine) &&
            m.parent.type == entity::scope && place_.contains(m.parent);
        (in_tree ? children[m.parent] : roots).push_back(m);
    }
    actors_.clear();
    place_.clear();
    auto place = [&](std::vector<actor> stack) {
        std::sort(stack.begin(), stack.end(), [](auto const& a, auto const& b) { return before(b, a); });
        while (!stack.empty()) {
            actor m = std::move(stack.back());
            stack.pop_back();
            if (!place_.try_emplace(m.id, actors_.size()).second) continue;
            if (auto const inside = children.find(m.id); inside != children.end()) {
                std::sort(inside->second.begin(), inside->second.end(),
                    [](auto const& a, auto const& b) { return before(b, a); });
                for (actor& c : inside->second) {
                    c.depth = m.depth + 1;
                    stack.push_back(c);
                }
            }
            actors_.push_back(std::move(m));
        }
    };
    place(std::move(roots));
    for (actor const& m : all)
        if (!place_.contains(m.id)) place({m});
}

actor const* actor_list::find(ref who) const {
    auto const at = place_.find(who);
    return at == place_.end() ? nullptr : &actors_[at->second];
}

} // namespace shutdown_repro::traces
