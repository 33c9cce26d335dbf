// The three shutdown policies of the scoped server.
#include "server_under_test/scoped/scoped_server.hpp"

namespace shutdown_repro::server {

namespace {

// The server of the report: stop drains nothing, and free ends the owner object of the scope while handlers are
// suspended.
class as_reported final : public shutdown_policy {
public:
    task drain(scoped_server&, coroutine&) const override { co_return outcome::completed; }
    void free(scoped_server& s) const override { s.release(); }
};

// The upstream fix (true-async/server b9839d5): wait, cancel, await the cancellation. It uses upstream's scope methods
// and has their defects: a canceled scope counts as done after the first handler, and a scope that failed counts as
// finished while handlers run.
class upstream_fix final : public shutdown_policy {
public:
    task drain(scoped_server& s, coroutine& self) const override {
        scope& all = s.server_scope();
        traces::nanoseconds const grace = s.settings().grace_ms * traces::millisecond;
        auto const finished = [&] { return all.freed || all.finished(); };
        if (grace > 0 && !finished()) co_await await_completion(self, all, grace);
        if (!finished()) {
            all.cancel(s.rt());
            co_await await_after_cancellation(self, all);
        }
        co_return outcome::completed;
    }
    // If it is freed before it was drained, it drains only where a coroutine can suspend. From inside the scope both
    // waits are refused as misuse, so that only the cancellation remains.
    void free(scoped_server& s) const override {
        scope& all = s.server_scope();
        if (!s.drained && s.rt().current() && !all.freed && !all.finished()) all.cancel(s.rt());
        if (!s.rt().dead()) s.release();
    }
};

// The correct policy: no scope is disposed before it is strictly empty.
//   - Requests that arrived before stop are served: the backlog and its bytes are taken before the listener closes.
//   - "Empty" means that the population of the scope's subtree is 0, which counts coroutines until they are removed.
//   - After the grace period every remaining coroutine is canceled, whatever the state or mode of its scope, and
//     coroutines spawned later are dropped, so that the wait ends.
//   - An ordinary error ends only its own request (500).
//   - No timeout disposes the scope meanwhile; only the grace period bounds the stop.
//   - free starts the same drain and takes effect at its end. A listener of the scope holds a reference of its own.
class drained final : public shutdown_policy {
public:
    task drain(scoped_server& s, coroutine& self) const override {
        scope& all = s.server_scope();
        s.keep_scope();
        s.take_what_arrived();
        s.stop_accepting();
        traces::nanoseconds const until = s.rt().on.now() + s.settings().grace_ms * traces::millisecond;
        auto const left = [&] { return until - s.rt().on.now(); };
        while (all.population > 0 && left() > 0) co_await wait(self, all.emptied, "handlers", left());
        if (all.population > 0) all.cancel_everything(s.rt());
        while (all.population > 0) co_await wait(self, all.emptied, "handlers");
        traces::nanoseconds const patience = s.rt().on.now() + flush_patience;
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
    bool ignores_calls_after_free() const override { return true; }

private:
    static constexpr traces::nanoseconds flush_patience =
        1000 * traces::millisecond; // time for clients to read their responses
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
