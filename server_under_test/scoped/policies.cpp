// The three ways in which the scoped server shuts down.
#include "server_under_test/scoped/scoped_server.hpp"

namespace shutdown_repro::server {

namespace {

// The report's server: stop drains nothing, free lets the scope's owner object go while handlers are parked.
class as_reported final : public shutdown_policy {
public:
    task drain(scoped_server&, coroutine&) const override { co_return outcome::completed; }
    void free(scoped_server& s) const override { s.release(); }
};

// Upstream's repair (true-async/server b9839d5): wait, cancel, await the cancellation, with upstream's scope methods and
// hence with their holes: a cancelled scope counts as done after the first handler, and a scope that failed counts as
// finished while handlers run.
class upstream_fix final : public shutdown_policy {
public:
    task drain(scoped_server& s, coroutine& self) const override {
        scope& all = s.server_scope();
        nanoseconds const grace = s.settings().grace_ms * millisecond;
        auto const finished = [&] { return all.freed || all.finished(); };
        if (grace > 0 && !finished()) co_await await_completion(self, all, grace);
        if (!finished()) {
            all.cancel(s.rt());
            co_await await_after_cancellation(self, all);
        }
        co_return outcome::completed;
    }
    // Freed before it was drained, it drains only where a coroutine can suspend; from inside the scope the two waits are
    // refused as misuse, which leaves the cancellation.
    void free(scoped_server& s) const override {
        scope& all = s.server_scope();
        if (!s.drained && s.rt().current() && !all.freed && !all.finished()) all.cancel(s.rt());
        if (!s.rt().dead()) s.release();
    }
};

// Ours: nothing is disposed before it is strictly empty.
//   - what arrived before stop is served: the backlog and the bytes in it are taken before the listener closes;
//   - emptiness is the population of the scope's subtree, removed coroutines only, never "cancelled, so done";
//   - after the grace every coroutine that is left is cancelled by itself, whatever its scope's state or mode, and whoever is
//     spawned later is dropped, so the wait for emptiness ends;
//   - an ordinary error ends its own request (500) and nothing else;
//   - nobody else's clock disposes the scope meanwhile: the grace is what bounds the stop;
//   - free asks for all of this and takes effect at its end; a listener of the scope holds a reference of its own.
class drained final : public shutdown_policy {
public:
    task drain(scoped_server& s, coroutine& self) const override {
        scope& all = s.server_scope();
        s.keep_scope();
        s.take_what_arrived();
        s.stop_accepting();
        nanoseconds const until = s.rt().on.now() + s.settings().grace_ms * millisecond;
        auto const left = [&] { return until - s.rt().on.now(); };
        while (all.population > 0 && left() > 0) co_await wait(self, all.emptied, "handlers", left());
        if (all.population > 0) all.cancel_everything(s.rt());
        while (all.population > 0) co_await wait(self, all.emptied, "handlers");
        nanoseconds const patience = s.rt().on.now() + flush_patience;
        while (s.unsent() && s.rt().on.now() < patience)
            co_await wait(self, s.flushed(), "flush", patience - s.rt().on.now());
        s.close_connections("fin");
        co_return outcome::completed;
    }
    void free(scoped_server& s) const override {
        if (s.drained) return s.release();
        s.free_wanted = true;
        s.wake_lifecycle();
    }
    bool listener_has_own_reference() const override { return true; }
    bool errors_stay_in_request() const override { return true; }
    bool announces_close() const override { return true; }
    bool late_calls_find_nobody() const override { return true; }

private:
    static constexpr nanoseconds flush_patience = 1000 * millisecond; // for a client that does not read its response
};

} // namespace

shutdown_policy const& policy_of(policy p) {
    static as_reported const reported;
    static upstream_fix const fix;
    static drained const ours;
    switch (p) {
    case policy::as_reported: return reported;
    case policy::upstream_fix: return fix;
    case policy::drained: return ours;
    }
    return reported;
}

} // namespace shutdown_repro::server
