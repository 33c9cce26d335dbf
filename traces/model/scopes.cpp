// What the model knows of scopes and coroutines, and to which server they belong.
#include <algorithm>
#include "traces/model/model.hpp"

namespace shutdown_repro::traces {

// The details of an event that opens a scope or spawns a coroutine, read once.
struct model::birth {
    explicit birth(event const& e) {
        for (field const& f : e.detail) switch (f.val.is) {
            case value::type::id:
                if (f.key == "owner") owner = f.val.id;
                else if (f.key == "request") request = f.val.id;
                else if (f.key == "name") named = f.val.id;
                break;
            case value::type::text:
                if (f.key == "name") text = f.val.text;
                break;
            default:
                if (f.key == "object") object = f.val.integer != 0;
                else if (f.key == "detached") detached = f.val.integer != 0;
            }
    }
    void name(name_text& to) const {
        if (named) to = to_string(named);
        else to = text;
    }
    ref owner, request, named;
    std::string_view text;
    bool object = false, detached = false;
};

void name_after(name_text& name, event const& e) {
    if (ref const named = e.id_of("name")) name = to_string(named);
    else name = e.text("name");
}

// ---- scopes

scope_state* model::scope_of(ref r) {
    if (r.type != entity::scope) return nullptr;
    if (scope_state* s = scopes.find(r.number)) return s;
    return scopes.was_closed(r.number) ? nullptr : &scopes.open(r.number);
}

void model::on_scope(event const& e) {
    if (e.what == kind::scope_open) return on_scope_open(e);
    scope_state* const s = e.id.type == entity::scope ? scope_of(e.id) : scopes.find(e.id.number);
    disposing_ = s;
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
        if (s->counted && e.what == kind::scope_dispose) { // else unlink() does it
            --scopes.find(s->parent.number)->children;
            s->counted = false;
        }
        return;
    }
}

void model::on_scope_open(event const& e) {
    if (e.id.type != entity::scope) return;
    if (scope_state const* known = scopes.find(e.id.number); known && known->opened != no_seq) return;
    bool const has_parent = e.parent.type == entity::scope && e.parent != e.id && scope_of(e.parent);
    scope_state& s = scopes.open(e.id.number); // may move the others
    scope_state* above = has_parent ? scopes.find(e.parent.number) : nullptr;
    birth const told(e);
    s.opened = e.seq;
    if (words) told.name(s.name);
    s.owned = told.object || told.owner;
    if (above) link(s, e.id.number, *above, e.parent);
    if (!s.parent) above = nullptr;
    find_owner(s, e.id.number, above, told);
    bool const owned = s.owned || s.above_owned, used = s.used;
    for (; above; above = at_or_null(above->parent)) {
        if ((!owned || above->above_owned) && (!used || above->used)) break;
        above->above_owned |= owned;
        above->used |= used;
    }
}

// Makes the scope a child of its parent, unless the trace says that the parent is below it.
void model::link(scope_state& s, std::uint32_t child, scope_state& above, ref parent) {
    if (s.first_child != scope_state::no_scope && inside(parent, {entity::scope, child})) return;
    s.parent = parent;
    s.next = above.first_child;
    s.previous = scope_state::no_scope;
    if (s.next != scope_state::no_scope) scopes.find(static_cast<std::uint32_t>(s.next))->previous = child;
    above.first_child = child;
    s.counted = s.disposing == no_seq;
    above.children += s.counted;
}

void model::unlink(scope_state& s) {
    if (!s.parent) return;
    scope_state& above = *scopes.find(s.parent.number);
    if (s.previous == scope_state::no_scope) above.first_child = s.next;
    else scopes.find(static_cast<std::uint32_t>(s.previous))->next = s.next;
    if (s.next != scope_state::no_scope) scopes.find(static_cast<std::uint32_t>(s.next))->previous = s.previous;
    above.children -= s.counted;
    s.counted = false;
    s.parent = {};
}

// The scopes below a disposed one that are not disposed themselves are then below its parent.
void model::end_scope(std::uint32_t number) {
    scope_state* const s = disposing_;
    if (!s) return;
    if (s->members) leave_behind(number, *s);
    while (s->first_child != scope_state::no_scope) {
        auto const child = static_cast<std::uint32_t>(s->first_child);
        scope_state& c = *scopes.find(child);
        unlink(c);
        if (s->parent) link(c, child, *scopes.find(s->parent.number), s->parent);
        if (c.cancelled == no_seq) c.cancelled = s->cancelled;
    }
    unlink(*s);
    if (!scopes_without_server_.empty()) std::erase(scopes_without_server_, number);
    scopes.close(number);
}

// The coroutines that are still in a disposed scope keep what they had from it.
void model::leave_behind(std::uint32_t scope, scope_state const& s) {
    ref const gone{entity::scope, scope};
    seq_t const cancelled = cancel_of_scope(gone);
    over_.clear();
    coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
        if (c.scope == gone) over_.push_back({entity::coroutine, n});
    });
    for (ref const r : over_) {
        coroutine_state& c = *coroutines.find(r.number);
        c.scope_cancelled = cancelled;
        c.scope_above_owned = s.above_owned;
        if (!c.server && !c.outside) c.server = s.server;
    }
}

// The server is the one that the trace names, else that of the scope above, else that of the object after which the
// scope is named. A scope that an object holds, and of which the trace does not say more, belongs to the oldest server
// that holds no scope yet.
void model::find_owner(scope_state& s, std::uint32_t number, scope_state const* above, birth const& told) {
    if (told.owner) s.server = server_of(told.owner);
    if (!s.server && above) s.server = above->server;
    if (!s.server && told.named) s.server = server_of(told.named);
    if (s.server) {
        if (s.owned) std::erase(servers_without_scope_, s.server.number);
    } else if (!s.owned || is_below_owned(s)) {
        return; // it will belong to the server of the scope above
    } else if (!servers_without_scope_.empty()) {
        s.server = {entity::server, servers_without_scope_.front()};
        servers_without_scope_.erase(servers_without_scope_.begin());
    } else if (servers.size() == 1) {
        servers.each([&](std::uint32_t n, server_state const&) { s.server = {entity::server, n}; });
    } else {
        scopes_without_server_.push_back(number);
    }
    if (s.first_child != scope_state::no_scope) give(number, s.server);
}

bool model::is_below_owned(scope_state const& s) const {
    for (ref above = s.parent; above;) {
        scope_state const& next = *scopes.find(above.number);
        if (next.owned) return true;
        above = next.parent;
    }
    return false;
}

void model::give(std::uint32_t scope, ref server) {
    if (!server) return;
    scopes.find(scope)->server = server;
    each_below(scope, [&](std::uint32_t n, scope_state const& below) {
        if (below.server) return walk::skip;
        scopes.find(n)->server = server;
        return walk::on;
    });
    std::erase_if(scopes_without_server_, [&](std::uint32_t n) { return static_cast<bool>(scopes.find(n)->server); });
}

bool model::inside(ref scope, ref ancestor) const {
    // Parents form no circle, see link().
    while (scope.type == entity::scope) {
        if (scope == ancestor) return true;
        scope_state const* s = scopes.find(scope.number);
        if (!s) return false;
        scope = s->parent;
    }
    return false;
}

void model::use(scope_state& s) {
    s.used = true;
    for (scope_state* above = at_or_null(s.parent); above && !above->used; above = at_or_null(above->parent))
        above->used = true;
}

// ---- coroutines

// Creates the state of a coroutine that was spawned before the trace began at its first event.
coroutine_state* model::coroutine_of(event const& e) {
    if (coroutine_state* c = coroutines.find(e.id.number)) return c;
    if (coroutines.was_closed(e.id.number)) return nullptr;
    coroutine_state& c = coroutines.open(e.id.number);
    enter(c, e.parent);
    return &c;
}

scope_state const* model::enter(coroutine_state& c, ref scope) {
    if (scope.type != entity::scope) return nullptr;
    scope_state* s = scopes.find(scope.number);
    if (!s) s = scope_of(scope);
    c.scope = scope;
    if (!s) return nullptr;
    ++s->members;
    if (!s->used) use(*s);
    return s;
}

void model::on_spawn(event const& e) {
    if (coroutines.find(e.id.number)) return;
    coroutine_state& c = coroutines.open(e.id.number);
    birth const told(e);
    c.spawned = e.seq;
    if (words) told.name(c.name);
    c.detached = told.detached;
    any_detached |= c.detached;
    if (c.detached) c.request = told.request;
    scope_state const* const s = enter(c, e.parent);
    c.after_close = s ? s->closed != no_seq : c.scope && scopes.was_closed(c.scope.number);
    c.outside = told.owner && told.owner.type != entity::server;
    if (told.owner.type == entity::server) c.server = told.owner;
    if (told.owner || (s && s->server)) return;
    for (ref const r : {told.request, told.named, e.by})
        if (r && !c.server) c.server = server_of(r);
}

void model::on_coroutine(event const& e) {
    if (e.what == kind::coroutine_remove) return void(removing_ = coroutines.find(e.id.number));
    if (e.what == kind::coroutine_spawn) return on_spawn(e);
    coroutine_state* const c = coroutine_of(e);
    if (!c) return;
    switch (e.what) {
    case kind::coroutine_start: c->started = e.seq; return;
    case kind::coroutine_suspend:
        c->suspended = e.seq;
        c->readied = no_seq;
        c->waits_on = e.text("on");
        return;
    case kind::coroutine_resume: c->suspended = c->readied = no_seq; return;
    case kind::coroutine_zombie:
        c->zombie = true;
        if (!c->hard) c->readied = no_seq; // a safe cancellation wakes nobody
        if (c->cancel_requested == no_seq) c->cancel_requested = e.seq;
        return;
    case kind::coroutine_cancel:
        if (c->cancel_requested == no_seq) c->cancel_requested = e.seq;
        if (e.text("mode") == "unsafe") c->hard = true;
        if (c->suspended != no_seq && c->readied == no_seq && (c->hard || !c->zombie)) c->readied = e.seq;
        return;
    default:
        work_ends(e);
        if (c->finished != no_seq) return;
        c->finished = e.seq;
        c->result = e.text("result");
        return;
    }
}

void model::end_coroutine(std::uint32_t number) {
    if (!removing_) coroutines.open(number); // it has no state yet
    scope_state* const s = removing_ && removing_->scope ? scopes.find(removing_->scope.number) : nullptr;
    if (s && s->members) --s->members;
    coroutines.close(number);
}

bool model::is_background(coroutine_state const& c) const {
    if (!c.detached) return false;
    request_state const* r = c.request.type == entity::request ? requests.find(c.request.number) : nullptr;
    if (r) return r->responded != no_seq;
    return c.request.type != entity::request || !unanswered_.contains(c.request.number);
}

seq_t model::cancel_of_scope(ref scope) const {
    while (scope_state const* s = scope.type == entity::scope ? scopes.find(scope.number) : nullptr) {
        if (s->cancelled != no_seq) return s->cancelled;
        scope = s->parent;
    }
    return no_seq;
}

seq_t model::cancel_of(coroutine_state const& c) const {
    if (c.cancel_requested != no_seq) return c.cancel_requested;
    return c.scope_cancelled != no_seq ? c.scope_cancelled : cancel_of_scope(c.scope);
}

bool model::is_above_owned(coroutine_state const& c) const {
    scope_state const* const s = c.scope ? scopes.find(c.scope.number) : nullptr;
    return s ? s->above_owned : c.scope_above_owned;
}

} // namespace shutdown_repro::traces
