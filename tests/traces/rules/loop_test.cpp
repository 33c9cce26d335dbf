// Rules about loops, timers, callbacks and hooks: tests of what their two trace files can't show.
#include "tests/catch.hpp"
#include "tests/traces/rules/story_rules.hpp"
#include "tests/traces/story.hpp"

using namespace shutdown_repro::traces;

namespace {

// A loop with three timers of the program, one of them recurring, and two timers of the server.
story armed() {
    story s;
    s.tell("loop.start", "loop:1");
    s.tell("timer.arm", "timer:1", {{"ms", 300}, {"what", "user"}, {"name", "U1"}, {"recurring", false}}, "loop:1",
        "request:1");
    s.tell("timer.arm", "timer:2", {{"ms", 100}, {"what", "user"}, {"name", "tick"}, {"recurring", true}}, "loop:1");
    s.tell("timer.arm", "timer:3", {{"ms", 470}, {"what", "keep-alive"}}, "loop:1");
    s.tell("timer.arm", "timer:4", {{"ms", 470}, {"what", "client inactivity"}}, "loop:1");
    s.now = 200 * ms;
    return s;
}

} // namespace

TEST_CASE("a lost timer is reported with its setter, how early its loop ended, and how many timers are exempt") {
    story s = armed();
    s.tell("loop.stopping", "loop:1", {{"why", "explicit"}});
    s.tell("loop.stop", "loop:1");
    auto const found = found_in(s);
    REQUIRE(told_by(found) == "timer-lost timer:1");
    CHECK(found[0].message ==
        "timer:1 (U1) neither fired nor was cancelled: loop:1 ended 100 ms before it was due and did not wait for it; "
        "exempt: 1 recurring, 2 internal");
    CHECK(found[0].inside == std::vector<std::string>{"timer:1   U1, set at #1 by request:1"});
    CHECK(found[0].witness == std::vector<seq_t>{1, 5, 6});
}

TEST_CASE("a timer of a program is lost whatever the program calls it, and when it calls it nothing") {
    for (char const* what : {"user", "handler", "stop", ""}) {
        story s;
        s.tell("timer.arm", "timer:1", {{"ms", 300}, {"what", what}});
        s.tell("loop.stop", "loop:1");
        INFO(what);
        CHECK(judged(s) == "timer-lost timer:1");
    }
}

TEST_CASE("a timer is not lost when it fired, was cancelled, when its loop runs again, or when the server died") {
    story s = armed();
    SECTION("fired") {
        s.tell("timer.fire", "timer:1");
        s.tell("loop.stop", "loop:1");
    }
    SECTION("cancelled") {
        s.tell("timer.cancel", "timer:1");
        s.tell("loop.stop", "loop:1");
    }
    SECTION("fired in a second run of the loop") {
        s.tell("loop.stop", "loop:1");
        s.tell("loop.start", "loop:1");
        s.tell("timer.fire", "timer:1");
        s.tell("loop.stop", "loop:1");
    }
    SECTION("killed while the loop ran") { s.told.foot.emplace().signal = "SIGKILL"; }
    SECTION("died after the loop had ended") {
        s.tell("loop.stop", "loop:1");
        s.tell("assert", "loop:1");
        CHECK(judged(s) == "assertion-failed loop:1");
        return;
    }
    CHECK(judged(s).find("timer-lost") == std::string::npos);
}

TEST_CASE("a trace without its end loses no timer, and one without the end of a loop can't tell") {
    story s = armed();
    CHECK(judged(s) == "");
    CHECK(why_not(s, "timer-lost") == "needs the end of a loop, the trace has none");
    s.tell("loop.stop", "loop:1");
    CHECK(judged(s, false) == "");
    CHECK(judged(s) == "timer-lost timer:1");
}

TEST_CASE("a process that exits ends its loop too") {
    story s = armed();
    s.tell("process.exit", "process:1", {{"status", 0}});
    CHECK(judged(s) == "timer-lost timer:1");
}

TEST_CASE("a recurring timer fires on after the end of its owner and is reported once") {
    story s;
    s.tell("timer.arm", "timer:1", {{"ms", 10}, {"recurring", true}, {"owner", ref{entity::other, 7}}});
    s.tell("timer.fire", "timer:1");
    CHECK(judged(s) == "");
    s.tell("object.free", "pool:7");
    s.tell("timer.fire", "timer:1");
    s.tell("timer.fire", "timer:1");
    CHECK(judged(s) == "timer-after-destroy timer:1");
    CHECK(judged(s, false) == "timer-after-destroy timer:1");
}

TEST_CASE("a callback may enter a server in its destructor, and not after it, once for each time") {
    story s;
    s.tell("server.open", "server:1");
    s.tell("server.destroy", "server:1");
    s.tell("callback.enter", "server:1", {{"method", "_close"}});
    CHECK(judged(s) == "");
    s.tell("server.free", "server:1");
    CHECK(judged(s) == "");
    s.tell("callback.enter", "server:1", {{"method", "_finish"}}, "connection:1");
    s.tell("callback.enter", "server:1");
    auto const found = found_in(s, false);
    REQUIRE(told_by(found) == "callback-after-destroy server:1\ncallback-after-destroy server:1");
    CHECK(found[0].message == "a callback of connection:1 called _finish of server:1 after it was freed");
    CHECK(found[1].message == "a callback called server:1 after it was freed");
    CHECK(found[0].witness == std::vector<seq_t>{3, 4});
}

TEST_CASE("without facts of timers, callbacks, hooks or dependencies their rules are not applicable") {
    story s;
    s.tell("server.open", "server:1");
    s.tell("act.stop", "server:1");
    s.tell("server.free", "server:1");
    CHECK(why_not(s, "timer-lost") == "needs timers facts and process, loops facts, the trace has none");
    CHECK(why_not(s, "timer-after-destroy") == "needs timers facts, the trace has none");
    CHECK(why_not(s, "callback-after-destroy") == "needs callbacks facts, the trace has none");
    CHECK(why_not(s, "shutdown-hook-skipped") == "needs hooks facts, the trace has none");
    CHECK(why_not(s, "destroy-order-inverted") == "needs dependencies facts, the trace has none");
    CHECK(why_not(s, "loop-stopped-with-pending-work") == "needs loops facts, the trace has none");
    CHECK_FALSE(why_not(s, "listener-notified-after-free").empty());
    s.tell("loop.stop", "loop:1", {{"timers", 0}});
    CHECK(why_not(s, "loop-stopped-with-pending-work") ==
        "needs counts of the work that is left when the loop ends, the trace has none");
    s.tell("loop.stop", "loop:1", {{"queued", 0}});
    CHECK(why_not(s, "loop-stopped-with-pending-work") == "");
}

TEST_CASE(
    "a hook that is begun is awaited by whoever stops, without a stop, and in an incomplete trace, none is missed") {
    story s;
    s.tell("hook.add", "listener:1", {{"name", "flush"}}, "loop:1");
    s.tell("hook.add", "listener:2", {}, "loop:1");
    CHECK(judged(s) == "");
    CHECK(why_not(s, "shutdown-hook-skipped") == "needs a stop, the trace has none");
    s.tell("act.stop", "server:1");
    CHECK(judged(s, false) == "");
    s.tell("object.free", "listener:2");
    s.tell("hook.begin", "listener:1", {}, "loop:1");
    SECTION("it ended in time") {
        s.tell("hook.end", "listener:1");
        s.tell("loop.stop", "loop:1");
        CHECK(judged(s) == "");
    }
    SECTION("the loop ended before it") {
        s.tell("loop.stop", "loop:1");
        s.tell("hook.end", "listener:1");
        auto const found = found_in(s, false);
        REQUIRE(told_by(found) == "shutdown-hook-skipped listener:1");
        CHECK(found[0].message == "the hook listener:1 (flush) of loop:1 was started and not awaited");
    }
    SECTION("it never ended") {
        CHECK(found_in(s).at(0).message == "the hook listener:1 (flush) of loop:1 was started and never ended");
    }
}

TEST_CASE("a provider is freed once for each of its dependants that live") {
    story s;
    for (char const* who : {"server:1", "client:1", "server:2"})
        s.tell("object.depend", who, {{"on", ref{entity::loop, 1}}});
    s.tell("server.free", "server:2");
    s.tell("object.free", "loop:1");
    s.tell("server.free", "server:1");
    CHECK(judged(s, false) == "destroy-order-inverted loop:1\ndestroy-order-inverted loop:1");
}

TEST_CASE("an error that leaves a callback counts from the stop on, and a trace without a stop can't tell") {
    story s;
    s.tell("loop.error", "loop:1", {{"error", "boom"}});
    CHECK(judged(s) == "");
    CHECK(why_not(s, "unhandled-exception-at-stop") == "needs a stop, the trace has none");
    s.tell("process.signal", "process:1", {{"signal", "SIGTERM"}});
    s.tell("loop.error", "loop:1", {{"error", "boom"}});
    CHECK(judged(s, false) == "unhandled-exception-at-stop loop:1");
}

TEST_CASE("a request that never began has no finish to lose, and two finishes of it are one too many") {
    story s;
    s.tell("request.open", "request:1", {}, "connection:1");
    SECTION("none") { CHECK(judged(s) == ""); }
    SECTION("one") {
        s.tell("request.finish", "request:1");
        CHECK(judged(s) == "");
    }
    SECTION("two") {
        s.tell("request.finish", "request:1");
        s.tell("request.finish", "request:1");
        CHECK(judged(s) == "finish-event-doubled request:1");
    }
    SECTION("a process that was killed lost everything at once") {
        s.tell("request.begin", "request:1", {}, "connection:1");
        s.told.foot.emplace().signal = "SIGKILL";
        CHECK(judged(s).find("finish-event-lost") == std::string::npos);
    }
}

namespace {

// A keep-alive connection that is idle from 2 ms on, as the server records it. The stop is at 10 ms.
story kept(bool idle = true) {
    story s;
    s.tell("connection.open", "connection:1", {}, "server:1");
    s.tell("request.begin", "request:1", {}, "connection:1");
    s.now = 2 * ms;
    if (idle) s.tell("request.finish", "request:1"); // its connection is known from request.begin
    s.now = 10 * ms;
    s.tell("act.stop", "server:1");
    s.now = 480 * ms;
    return s;
}
void end_loop_because_of_timeout(story& s) {
    s.because = {s.tell("stream.timeout", "stream:1", {}, "connection:1")};
    s.tell("loop.stopping", "loop:1", {{"why", "last_incoming_closed"}, {"cause", "timeout"}});
    s.tell("stream.close", "stream:1", {{"how", "timeout"}}, "connection:1");
    s.tell("loop.stop", "loop:1", {{"queued", 0}});
}

} // namespace

TEST_CASE("the server's own facts say that the loop ended only when an idle connection timed out") {
    story s = kept();
    end_loop_because_of_timeout(s);
    auto const found = found_in(s, false);
    REQUIRE(told_by(found) == "idle-connection-blocks-stop connection:1");
    CHECK(found[0].message == "loop:1 ended only when the idle connection:1 timed out, 470 ms after the stop");
    CHECK(found[0].level == severity::warning);
}

TEST_CASE("a request in flight that times out is no idle connection") {
    story s = kept(false);
    end_loop_because_of_timeout(s);
    CHECK(judged(s, false) == "");
}

TEST_CASE("from outside an idle connection blocks the exit when nothing else was left and the exit came with its end") {
    story s;
    auto const client = [&](char const* who, std::uint32_t n, bool done) {
        s.tell("client.connected", who);
        s.tell("client.send", who, {{"request", ref{entity::request, n}}});
        if (done) s.tell("client.done", who, {{"request", ref{entity::request, n}}});
    };
    client("client:1", 1, true);
    std::string expected = "";
    bool exits = true;
    SECTION("it stayed open until the exit") { expected = "idle-connection-blocks-stop client:1"; }
    SECTION("a silent one was open too") { s.tell("client.connected", "client:2"); }
    SECTION("a request was in flight until then") { client("client:2", 2, false); }
    SECTION("no stop was seen") {
        s.now = 900 * ms;
        s.tell("process.exit", "process:1", {{"status", 0}});
        CHECK(judged(s) == "");
        CHECK(why_not(s, "idle-connection-blocks-stop") == "needs a stop, the trace has none");
        return;
    }
    SECTION("the end was not seen") { exits = false; }
    s.now += ms;
    s.tell("process.signal", "process:1", {{"signal", "SIGTERM"}});
    s.now += 900 * ms;
    if (exits) s.tell("process.exit", "process:1", {{"status", 0}});
    CHECK(judged(s) == expected);
    if (!exits)
        CHECK(why_not(s, "idle-connection-blocks-stop") == "needs the end of a loop or process, the trace has none");
}

TEST_CASE("a connection that is closed at once leaves the rest of the stop to something else") {
    story s;
    s.tell("client.connected", "client:1");
    s.tell("client.send", "client:1", {{"request", ref{entity::request, 1}}});
    s.tell("client.done", "client:1", {{"request", ref{entity::request, 1}}});
    s.tell("process.signal", "process:1", {{"signal", "SIGTERM"}});
    s.now = (GENERATE(true, false) ? 1 : 400) * ms;
    s.tell("client.closed", "client:1");
    s.now = 5000 * ms;
    s.tell("process.exit", "process:1", {{"status", 0}});
    CHECK(judged(s) == "");
}
