// The runtime of the scoped server. It owns scopes and coroutines, runs ready coroutines, and ends the process when one
// of its assertions fails.
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

    // Opens a scope. `softly` is its cancellation mode, by default that of the parent.
    scope& open(std::string_view name, scope* parent, bool has_object, std::optional<bool> softly = {});
    // Spawns a coroutine with the body that make(coroutine&) returns. Returns null when the scope refuses.
    template <class Make> coroutine* spawn(scope& into, std::string_view name, Make&& make) {
        coroutine* c = create(into, name);
        if (c) {
            c->body = make(*c);
            launch(*c);
        }
        return c;
    }

    // Stops the whole runtime: cancels every started coroutine hard, in the order of creation, and drops the others.
    void shutdown();
    bool shutting_down() const { return shutting_down_; }
    // Shuts down because of an ordinary error that no scope and no listener has taken.
    void uncaught(coroutine&);
    bool dead() const { return dead_; }            // the simulated process has died
    std::uint32_t alive() const { return alive_; } // number of coroutines that are not removed

    // A failed assertion of the modeled server: records it with the members of the scope and ends the process. Returns
    // only in the simulated world, where the caller must return at once and leave its data consistent.
    void fail(
        scope const& about, std::string_view message, std::source_location where = std::source_location::current());
    // A use after free of the modeled server: records it and ends the process, as a sanitizer would.
    void access_after_free(scope const&, std::string_view operation);

    traces::recorder& trace() { return on.trace; }
    coroutine* current() const { return current_; }

    // Destroys everything, including suspended frames, but keeps the capacity.
    void reset();

    world& on;

private:
    friend struct coroutine;
    friend class scope;
    coroutine* create(scope& into, std::string_view name);
    void launch(coroutine&);

    // Objects are recycled and never freed. Growing a deque of pointers keeps their addresses.
    std::deque<std::unique_ptr<scope>> scopes_;
    std::deque<std::unique_ptr<coroutine>> coroutines_;
    std::size_t scope_count_ = 0, coroutine_count_ = 0;
    std::uint32_t alive_ = 0;
    coroutine* current_ = nullptr;
    bool shutting_down_ = false, had_uncaught_ = false, dead_ = false;
};

} // namespace shutdown_repro::server
