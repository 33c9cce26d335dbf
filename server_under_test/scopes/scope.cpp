#include "server_under_test/scopes/scope.hpp"

#include <algorithm>
#include "server_under_test/scopes/runtime.hpp"
#include "traces/insist.hpp"

namespace shutdown_repro::server {

using traces::kind;
using because_of = traces::recorder::because_of;

namespace {

std::string_view mode(bool softly) { return softly ? "safe" : "unsafe"; }

// The original's vectors remove an element by moving the last one into its place, which affects the order of later
// cancellations.
template <class T> void swap_remove(std::vector<T*>& from, T* what) {
    auto const at = std::find(from.begin(), from.end(), what);
    if (at == from.end()) return;
    *at = from.back();
    from.pop_back();
}

} // namespace

bool scope::touch(runtime& rt, std::string_view operation) const {
    if (!freed) return true;
    rt.access_after_free(*this, operation);
    return false;
}

bool scope::done(bool with_zombies) const {
    if (closed || cancelled) return true;
    if (active + (with_zombies ? zombies : 0) > 0) return false;
    return std::all_of(children.begin(), children.end(), [&](scope const* c) { return c->done(with_zombies); });
}

bool scope::disposable() const {
    if (active + zombies > 0) return false;
    if (!cancelled && has_object) return false;
    return std::all_of(children.begin(), children.end(), [](scope const* c) { return c->disposable(); });
}

bool scope::contains(coroutine const& c) const {
    for (scope const* s = c.home; s; s = s->parent)
        if (s == this) return true;
    return false;
}

// --- cancellation ---------------------------------------------------------------------------------------------------

void scope::cancel(runtime& rt, bool softly) {
    if (!touch(rt, "cancel")) return;
    because_of const here(rt.trace(),
        rt.trace().emit(kind::scope_cancel, id, parent ? parent->id : traces::ref{}, {{"mode", mode(softly)}}));
    if (closed) return;
    if (done(true)) return mark_closed(rt);
    cancel_inside(rt, softly, cause::cancellation);
}

void scope::mark_closed(runtime& rt) {
    closed = true;
    rt.trace().emit(kind::scope_closed, id);
}

// Cancels children, then own coroutines, and notifies the listeners. Returns whether a listener took the error.
bool scope::cancel_inside(runtime& rt, bool softly, cause why) {
    if (!cancelled) {
        cancelled = true;
        rt.trace().emit(kind::scope_cancelled, id);
    }
    for (std::size_t i = 0; i < children.size(); ++i) children[i]->cancel(rt, softly);
    for (std::size_t i = 0; i < members.size(); ++i) members[i]->cancel(softly);
    return notify(rt, why);
}

void scope::cancel_everything(runtime& rt) {
    doomed = true;
    for (std::size_t i = 0; i < children.size(); ++i) children[i]->cancel_everything(rt);
    for (std::size_t i = 0; i < members.size(); ++i)
        if (!members[i]->hard_requested) members[i]->cancel(false);
}

bool scope::catch_error(runtime& rt, coroutine& from) { return climb(rt, from, safe); }

bool scope::climb(runtime& rt, coroutine& from, bool softly) {
    if (!touch(rt, "catch")) return true;
    because_of const here(rt.trace(),
        rt.trace().emit(kind::scope_catch, id, parent ? parent->id : traces::ref{},
            {{"from", from.id}, {"error", "error"}, {"handled", handles_errors}}));
    if (handles_errors) return true;
    if (cancel_inside(rt, softly, cause::error)) return true;
    if (rt.dead() || !touch(rt, "catch")) return true;
    return parent ? parent->climb(rt, from, softly) : false;
}

// --- notifying waiting coroutines -----------------------------------------------------------------------------------

// The scope holds a reference to itself while it notifies. If the owning reference is released meanwhile, this hold is
// the last one and the disposal happens here.
bool scope::notify(runtime& rt, cause why) {
    if (!touch(rt, "notify")) return false;
    ++refs;
    ++holds;
    bool taken = false;
    traces::seq_t told = rt.trace().cause();
    std::string_view const error = why == cause::error ? "error" : why == cause::cancellation ? "cancellation" : "";
    if (!waits.empty())
        told = rt.trace().emit(
            kind::scope_notify, id, {}, {{"listeners", static_cast<std::uint64_t>(waits.size())}, {"error", error}});
    because_of const here(rt.trace(), told);
    for (std::size_t i = 0; i < waits.size() && !rt.dead();) {
        completion_wait* const w = waits[i];
        bool const resolves = w->mode == completion_wait::until::any_notice || why != cause::none || done(true);
        if (resolves) {
            taken |= why != cause::none;
            rt.trace().emit(kind::listener_wake, w->listener ? w->listener : w->who->id, id,
                {{"error", error}, {"until", w->mode == completion_wait::until::any_notice ? "notice" : "done"}});
            w->who->wake_up(why == cause::error  ? wake::error
                    : why == cause::cancellation ? wake::cancelled
                                                 : wake::value);
        }
        if (i < waits.size() && waits[i] == w) ++i;
    }
    --holds;
    if (!rt.dead() && --refs == 0) dispose(rt);
    return taken;
}

void scope::completed(runtime& rt) {
    for (scope* s = this; s;) {
        if (!s->touch(rt, "completion_notify") || !s->done(true)) return;
        s->notify(rt, cause::none);
        if (rt.dead() || !s->touch(rt, "completion_notify")) return;
        s = s->parent;
    }
}

// --- coroutines come and go -----------------------------------------------------------------------------------------

bool scope::accepts(runtime& rt) {
    if (!freed && !closed) return true;
    rt.trace().emit(kind::scope_refuse, id, {}, {{"reason", freed ? "disposed" : "closed"}});
    return false;
}

void scope::add(coroutine& c) {
    members.push_back(&c);
    ++active;
    insist_on_counts();
    change_population(+1, nullptr);
}

void scope::insist_on_counts() const {
    traces::insist(active + zombies == members.size(), "a scope counts each coroutine in it, as active or as a zombie");
}

void scope::change_population(int by, runtime* raise) {
    for (scope* s = this; s; s = s->parent) {
        traces::insist(by > 0 || s->population > 0, "no coroutine leaves a scope whose subtree has none");
        s->population += static_cast<std::uint32_t>(by);
        if (raise && s->population == 0) s->emptied.raise(*raise);
    }
}

void scope::remove(runtime& rt, coroutine& c) {
    if (!touch(rt, "remove")) return;
    --(c.zombie ? zombies : active);
    swap_remove(members, &c);
    insist_on_counts();
    c.removed = true;
    rt.trace().emit(kind::coroutine_remove, c.id, id);
    change_population(-1, &rt);
    completed(rt);
    if (!rt.dead()) try_dispose(rt);
}

void scope::became_zombie(runtime& rt, coroutine&) {
    --active;
    ++zombies;
    insist_on_counts();
    completed(rt);
}

// --- disposal -------------------------------------------------------------------------------------------------------

void scope::release_object(runtime& rt) {
    if (freed || !has_object) return; // the object knows whether its scope is freed
    has_object = false;
    if (!try_dispose(rt) && !rt.dead()) cancel(rt);
}

void scope::release(runtime& rt, std::string_view via) {
    if (!touch(rt, via)) return;
    if (refs > 1) {
        --refs;
        rt.trace().emit(kind::scope_unref, id, {}, {{"refs", refs - holds}, {"via", via}});
        return;
    }
    refs = 0;
    dispose(rt);
}

bool scope::try_dispose(runtime& rt) {
    if (!touch(rt, "try_dispose")) return false;
    if (disposing || !disposable()) return false;
    for (std::size_t i = 0; i < children.size(); ++i) {
        children[i]->dispose(rt);
        if (freed || disposing || rt.dead()) return true; // disposing the last child disposed this scope
    }
    dispose(rt);
    return true;
}

// Raw disposal: asserts that the scope is empty, and disposes its children without checking them.
void scope::dispose(runtime& rt) {
    if (!touch(rt, "dispose") || disposing) return;
    if (refs > 1) {
        --refs;
        because_of const here(
            rt.trace(), rt.trace().emit(kind::scope_unref, id, {}, {{"refs", refs}, {"via", "dispose"}}));
        notify(rt, cause::none);
        return drop_waits();
    }
    disposing = true;
    std::vector<traces::ref> live;
    for (coroutine const* c : members) live.push_back(c->id);
    because_of const here(rt.trace(),
        rt.trace().emit(kind::scope_dispose, id, parent ? parent->id : traces::ref{},
            {{"refs", refs}, {"live", std::span<traces::ref const>(live)}}));
    if (!members.empty()) return rt.fail(*this, "Scope should be empty before disposal");
    for (std::size_t i = 0; i < children.size() && !rt.dead(); ++i) {
        children[i]->parent = nullptr;
        children[i]->dispose(rt);
    }
    if (rt.dead()) return;
    notify(rt, cause::none);
    drop_waits();
    detach(rt);
    if (rt.dead()) return;
    freed = true;
    rt.trace().emit(kind::scope_disposed, id);
}

void scope::drop_waits() {
    for (completion_wait* w : waits) w->on = nullptr;
    waits.clear();
}

void scope::detach(runtime& rt) {
    if (!parent) return;
    scope* const above = std::exchange(parent, nullptr);
    swap_remove(above->children, this);
    if (above->children.empty()) above->try_dispose(rt);
}

void scope::reset() {
    parent = nullptr;
    children.clear();
    members.clear();
    waits.clear();
    emptied.waiting.clear();
    refs = 1;
    holds = active = zombies = population = 0;
    safe = has_object = handles_errors = doomed = cancelled = closed = disposing = freed = false;
}

} // namespace shutdown_repro::server
