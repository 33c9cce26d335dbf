// The runtime of the scoped server: it owns scopes and coroutines, runs the coroutines that are ready, and ends the process
// when one of its assertions fails.
#pragma once
#include <deque>
#include <memory>
#include <source_location>
#include "server_under_test/scopes/scope.hpp"

namespace shutdown_repro::server {

class runtime {
public:
    explicit runtime(world& w) : on(w) {}
    runtime(runtime const&) = delete;
    ~runtime() { reset(); }

    // `softly`: its cancellation mode, inherited from the parent when not given.
    scope& open(std::string_view name, scope* parent, bool has_object, std::optional<bool> softly = {});
    // make(coroutine&) gives the body. Null when the scope refuses.
    template <class Make> coroutine* spawn(scope& into, std::string_view name, Make&& make) {
        coroutine* c = create(into, name);
        if (c) {
            c->body = make(*c);
            launch(*c);
        }
        return c;
    }

    // The whole runtime stops: every started coroutine is hard-cancelled, in the order of creation, and every other dropped.
    void shutdown();
    bool shutting_down() const { return shutting_down_; }
    // An ordinary error that nobody took: the runtime shuts down.
    void uncaught(coroutine&);
    bool dead() const { return dead_; }            // the simulated process has died
    std::uint32_t alive() const { return alive_; } // coroutines not removed

    // An always-on assertion of the server's runtime: recorded with who is in the scope, then the process ends.
    // Returns only in the simulated world, with the process dead: the caller leaves its data sound and returns.
    void fail(
        scope const& about, std::string_view message, std::source_location where = std::source_location::current());
    // A scope's memory was touched after it was freed: recorded, then the process ends as under a sanitizer.
    void access_after_free(scope const&, std::string_view operation);

    traces::recorder& trace() { return on.trace; }
    coroutine* current() const { return current_; }

    // Forgets everything, parked frames included; capacity is kept.
    void reset();

    world& on;

private:
    friend struct coroutine;
    friend class scope;
    coroutine* create(scope& into, std::string_view name);
    void launch(coroutine&);

    // Recycled, never shrunk; a deque of pointers keeps addresses while it grows.
    std::deque<std::unique_ptr<scope>> scopes_;
    std::deque<std::unique_ptr<coroutine>> coroutines_;
    std::size_t scope_count_ = 0, coroutine_count_ = 0;
    std::uint32_t alive_ = 0;
    coroutine* current_ = nullptr;
    bool shutting_down_ = false, had_uncaught_ = false, dead_ = false;
};

} // namespace shutdown_repro::server
