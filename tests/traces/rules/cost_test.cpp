// Exploration judges a hundred thousand executions a second, so judging must not allocate after the first executions.
// Counts allocations with its own operator new. Skipped under sanitizers, which replace it.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <atomic>
#include <cstdlib>
#include <new>
#include "tests/catch.hpp"
#include "tests/traces/story.hpp"

namespace {
std::atomic<std::size_t> allocations{0};
}

// GCC warns about a mismatched pair when it inlines only one of the two.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t bytes) {
    ++allocations;
    if (void* p = std::malloc(bytes ? bytes : 1)) return p;
    throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
#pragma GCC diagnostic pop

using namespace shutdown_repro::traces;

namespace {

// The events of a scoped server that drains, as the bundled server records them, without a violation.
story drained_life(std::uint32_t requests) {
    story s;
    auto const number = [](std::string_view word, std::uint32_t n) { return std::string(word) + std::to_string(n); };
    s.tell("process.start", "process:1");
    s.tell("server.open", "server:1", {{"name", "a name that is longer than a short string"}});
    s.tell("scope.open", "scope:1", {{"name", "server"}, {"object", true}});
    s.tell("server.ready", "server:1");
    s.tell("loop.start", "loop:1");
    s.tell("object.depend", "server:1", {{"on", ref{entity::loop, 1}}});
    s.tell("hook.add", "listener:1", {{"name", "a hook with a rather long name"}}, "loop:1");
    for (std::uint32_t i = 1; i <= requests; ++i) {
        std::string const client = number("client:", i), request = number("request:", i),
                          connection = number("connection:", i);
        std::string const scope = number("scope:", i + 1), handler = number("coroutine:", i);
        s.tell("client.connect", client);
        s.tell("client.connected", client);
        s.tell("client.send", client, {{"request", ref{entity::request, i}}});
        s.tell("connection.open", connection, {}, "server:1");
        s.tell("request.begin", request, {{"method", "GET"}, {"path", number("/a/path/that/is/rather/long/", i)}},
            connection);
        s.tell("scope.open", scope, {{"name", request}}, "scope:1");
        s.tell("coroutine.spawn", handler, {{"name", number("the handler of request ", i)}}, scope);
        s.tell("coroutine.start", handler);
        s.tell("coroutine.suspend", handler, {{"on", "delay"}});
        s.tell("stream.open", number("stream:", i), {}, connection);
        s.tell("timer.arm", number("timer:", 2 * i), {{"ms", 60}, {"what", "user"}, {"owner", ref{entity::request, i}}},
            "loop:1", request);
        s.tell("timer.arm", number("timer:", 2 * i + 1), {{"ms", 470}, {"what", "keep-alive"}}, "loop:1");
        s.tell("callback.enter", "server:1", {{"method", "read"}}, connection);
    }
    s.tell("act.stop", "server:1");
    s.tell("hook.begin", "listener:1", {}, "loop:1");
    s.tell("hook.end", "listener:1", {}, "loop:1");
    for (std::uint32_t i = 1; i <= requests; ++i) {
        std::string const client = number("client:", i), request = number("request:", i);
        std::string const scope = number("scope:", i + 1), handler = number("coroutine:", i);
        s.tell("coroutine.resume", handler, {{"with", "value"}});
        s.tell("timer.fire", number("timer:", 2 * i), {}, "loop:1");
        s.tell("request.respond", request, {{"status", 200}});
        s.tell("stream.queue", number("stream:", i), {{"bytes", 100}, {"drain", true}}, number("connection:", i));
        s.tell("request.finish", request, {{"result", "answered"}});
        s.tell("coroutine.finish", handler, {{"result", "completed"}});
        s.tell("coroutine.hook", handler);
        s.tell("coroutine.remove", handler, {}, scope);
        s.tell("scope.dispose", scope, {{"refs", 1}});
        s.tell("scope.disposed", scope);
        s.tell("client.receive", client, {{"request", ref{entity::request, i}}, {"bytes", 100}});
        s.tell("client.done", client, {{"request", ref{entity::request, i}}});
        s.tell("client.closed", client);
        s.tell("timer.cancel", number("timer:", 2 * i + 1), {}, "loop:1");
        s.tell("stream.close", number("stream:", i), {}, number("connection:", i));
        s.tell("request.free", request);
    }
    s.tell("loop.stop", "loop:1", {{"queued", 0}, {"writing", 0}});
    s.tell("scope.dispose", "scope:1", {{"refs", 1}});
    s.tell("scope.disposed", "scope:1");
    s.tell("server.stopped", "server:1");
    s.tell("server.free", "server:1");
    s.tell("process.exit", "process:1", {{"status", 0}});
    return s;
}

} // namespace

TEST_CASE("judging a trace like one judged before allocates nothing") {
    story const s = drained_life(100);
    rule_run run;
    play(s.told, run);
    REQUIRE(told_by(run.violations()) == "");
    std::size_t const before = allocations;
    for (int i = 0; i < 3; ++i) {
        run.reset();
        play(s.told, run);
    }
    CHECK(allocations - before == 0);
}

TEST_CASE("what judging allocates for a long trace depends on who lives at once, not on the trace's length") {
    // Repeats the same events with new numbers each time.
    auto const allocated_for = [](std::uint32_t lives) {
        rule_run run;
        std::size_t const before = allocations;
        for (std::uint32_t i = 1; i <= lives; ++i) {
            event e;
            auto const put = [&](kind what, ref id, ref parent = {}) {
                e.what = what, e.id = id, e.parent = parent;
                run.put(e);
                ++e.seq;
            };
            ref const outer{entity::scope, 2 * i}, scope{entity::scope, 2 * i + 1};
            ref const coroutine{entity::coroutine, i}, request{entity::request, i}, timer{entity::timer, i};
            ref const connection{entity::connection, i}, stream{entity::stream, i};
            put(kind::connection_open, connection);
            put(kind::timer_arm, timer);
            put(kind::scope_open, outer);
            put(kind::scope_open, scope, outer);
            put(kind::request_begin, request, connection);
            put(kind::coroutine_spawn, coroutine, scope);
            put(kind::coroutine_start, coroutine);
            put(kind::coroutine_finish, coroutine);
            put(kind::coroutine_remove, coroutine, scope);
            put(kind::request_finish, request, connection);
            put(kind::timer_fire, timer);
            put(kind::stream_close, stream, connection);
            put(kind::request_free, request);
            for (ref const s : {outer, scope}) put(kind::scope_dispose, s);
            for (ref const s : {scope, outer}) put(kind::scope_disposed, s);
        }
        REQUIRE(run.violations().empty());
        return allocations - before;
    };
    // Each actor that has ended costs one bit, in a vector that doubles its size.
    CHECK(allocated_for(64'000) <= allocated_for(1'000) + 8 * 8);
}
#endif
