// Rules about stop, clients and the process: tests of what their two trace files can't show, and of when a rule is not
// applicable.
#include "tests/catch.hpp"
#include "tests/traces/rules/story_rules.hpp"
#include "tests/traces/story.hpp"

using namespace shutdown_repro::traces;

namespace {

std::string not_applicable(rule_run const& run, std::string_view id) {
    for (auto const& s : run.not_applicable())
        if (s.rule->id == id) return s.why();
    return "";
}

} // namespace

TEST_CASE("a process that exits with live requests returned too early, one that was killed or crashed did not return") {
    struct ending {
        std::string_view sent, signal, expected;
    };
    ending const how = GENERATE(ending{"SIGTERM", "", "stop-returned-early process:1"},
        ending{"SIGTERM", "SIGTERM", "stop-returned-early process:1"},
        ending{"SIGTERM", "SIGABRT", "crash-on-stop process:1"},
        ending{"SIGKILL", "SIGKILL", "killed-after-grace process:1"});
    story s;
    s.tell("request.begin", "request:1", {{"method", "GET"}, {"path", "/1"}});
    s.tell("process.signal", "process:1", {{"signal", "SIGTERM"}});
    if (how.sent == "SIGKILL") s.tell("process.signal", "process:1", {{"signal", "SIGKILL"}});
    if (how.signal.empty()) s.tell("process.exit", "process:1", {{"status", 0}});
    else s.tell("process.exit", "process:1", {{"signal", how.signal}});
    rule_run run;
    play(s.told, run, false);
    CHECK(told_by(run.violations()) == how.expected);
}

TEST_CASE("a process that is stopped by SIGKILL in the first place was not killed after its grace") {
    story s;
    s.tell("process.signal", "process:1", {{"signal", "SIGKILL"}});
    s.tell("process.exit", "process:1", {{"signal", "SIGKILL"}});
    CHECK(judged(s) == "");
}

TEST_CASE("stop that returned early is not reported again when the process exits") {
    story s;
    s.tell("request.begin", "request:1", {{"method", "GET"}, {"path", "/1"}});
    s.tell("server.stopped", "server:1");
    s.tell("process.exit", "process:1", {{"status", 0}});
    rule_run run;
    play(s.told, run, false);
    REQUIRE(told_by(run.violations()) == "stop-returned-early server:1");
    CHECK(run.violations()[0].inside == std::vector<std::string>{"request:1   GET /1, begun at #0, not answered"});
}

TEST_CASE("every request of a pipelining client that is lost is reported, whether the client names them or not") {
    story s;
    s.tell("client.connect", "client:1");
    s.tell("client.connected", "client:1");
    for (std::uint32_t i = 1; i <= 3; ++i) s.tell("client.send", "client:1", {{"request", ref{entity::request, i}}});
    s.tell("client.receive", "client:1", {{"request", ref{entity::request, 1}}, {"bytes", 80}});
    s.tell("client.done", "client:1", {{"request", ref{entity::request, 1}}});
    s.tell("act.stop", "server:1");
    SECTION("each by name") {
        for (std::uint32_t i = 2; i <= 3; ++i)
            s.tell("client.fail", "client:1", {{"request", ref{entity::request, i}}, {"how", "eof"}});
    }
    SECTION("the first, and with it those behind it") {
        s.tell("client.fail", "client:1", {{"request", ref{entity::request, 2}}, {"how", "eof"}});
    }
    SECTION("none") { s.tell("client.fail", "client:1", {{"how", "eof"}}); }
    CHECK(judged(s) == "connection-reset-inflight request:2\nconnection-reset-inflight request:3");
}

TEST_CASE("when a response is cut off, the requests behind it are lost, each in its own way") {
    story s;
    for (std::uint32_t i = 1; i <= 2; ++i) s.tell("client.send", "client:1", {{"request", ref{entity::request, i}}});
    s.tell("client.send", "client:2", {{"request", ref{entity::request, 3}}});
    s.tell("act.stop", "server:1");
    s.tell("client.fail", "client:1", {{"request", ref{entity::request, 1}}, {"how", "truncated"}, {"received", 20}});
    CHECK(judged(s) == "connection-reset-inflight request:2\nresponse-truncated request:1");
}

TEST_CASE("a timeout of one request says nothing of those behind it") {
    story s;
    for (std::uint32_t i = 1; i <= 2; ++i) s.tell("client.send", "client:1", {{"request", ref{entity::request, i}}});
    s.tell("act.stop", "server:1");
    s.tell("client.fail", "client:1", {{"request", ref{entity::request, 1}}, {"how", "timeout"}});
    CHECK(judged(s) == "");
}

TEST_CASE("a client that never says which request it sent is judged as itself") {
    story s;
    s.tell("client.send", "client:4");
    s.tell("process.signal", "process:1", {{"signal", "SIGTERM"}});
    bool const some_bytes = GENERATE(true, false);
    if (some_bytes) s.tell("client.receive", "client:4", {{"bytes", 10}});
    s.tell("client.fail", "client:4", {{"how", "reset"}});
    CHECK(judged(s) == (some_bytes ? "response-truncated client:4" : "connection-reset-inflight client:4"));
}

TEST_CASE("bytes that the failure itself counts make the response truncated, not the connection reset in flight") {
    story s;
    s.tell("client.send", "client:1", {{"request", ref{entity::request, 1}}});
    s.tell("process.signal", "process:1", {{"signal", "SIGTERM"}});
    s.tell("client.fail", "client:1", {{"request", ref{entity::request, 1}}, {"how", "eof"}, {"received", 12}});
    CHECK(judged(s) == "response-truncated request:1");
}

TEST_CASE("a connection accepted after the stop is an error when it is cut off, a warning otherwise") {
    story s;
    s.tell("act.stop", "server:1");
    s.now = 251 * ms;
    s.tell("client.connect", "client:1");
    s.tell("client.connected", "client:1");
    severity expected = severity::warning;
    SECTION("still open at the end") {}
    SECTION("closed when idle") { s.tell("client.closed", "client:1"); }
    SECTION("reset") {
        s.tell("client.fail", "client:1", {{"how", "reset"}});
        expected = severity::error;
    }
    rule_run run;
    play(s.told, run);
    REQUIRE(told_by(run.violations()) == "accept-after-stop client:1");
    CHECK(run.violations()[0].level == expected);
}

TEST_CASE("a connection at the very end of the tolerance is not accepted after the stop") {
    story s;
    s.tell("act.stop", "server:1");
    s.now = 250 * ms;
    s.tell("client.connect", "client:1");
    s.tell("client.connected", "client:1");
    CHECK(judged(s) == "");
}

TEST_CASE("a sanitizer's report counts once, however the process then ends") {
    story s;
    s.tell("process.start", "process:1", {{"name", "nginx"}});
    s.tell("process.stderr", "process:1",
        {{"text", "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x602"}});
    s.tell("process.stderr", "process:1", {{"text", "SUMMARY: AddressSanitizer: heap-use-after-free scope.c:12"}});
    s.tell("process.exit", "process:1", {{"signal", "SIGABRT"}});
    rule_run run;
    play(s.told, run);
    REQUIRE(told_by(run.violations()) == "crash-on-stop process:1");
    CHECK(run.violations()[0].message == "nginx was stopped by AddressSanitizer: heap-use-after-free on address 0x602");
}

TEST_CASE("a rule is not applicable to a trace without its facts, and says what it needs") {
    rule_run run;
    story s;
    SECTION("by what is seen") {
        s.tell("client.connect", "client:1");
        s.tell("client.closed", "client:1");
        play(s.told, run);
        CHECK(not_applicable(run, "scope-disposed-nonempty") == "needs scopes, coroutines facts, the trace has none");
        CHECK(not_applicable(run, "stop-returned-early") ==
            "needs requests facts and server, process facts, the trace has none");
        CHECK(not_applicable(run, "connection-reset-inflight") == "needs server, process facts, the trace has none");
        CHECK(not_applicable(run, "response-truncated") == "");
    }
    SECTION("by what the header says is recorded, even if nothing of it happened") {
        run.on_header({.scenario = "",
            .world = "",
            .schedule = "",
            .target = "",
            .tool = "",
            .observes = "scopes coroutines gossip"});
        play(s.told, run);
        CHECK(not_applicable(run, "scope-disposed-nonempty") == "");
        CHECK(not_applicable(run, "finish-event-lost") == "needs requests facts, the trace has none");
        run.reset();
        play(s.told, run);
        CHECK(not_applicable(run, "scope-disposed-nonempty") != "");
    }
    SECTION("because nobody stopped the server") {
        s.tell("process.start", "process:1");
        s.tell("client.connect", "client:1");
        play(s.told, run);
        CHECK(not_applicable(run, "connection-reset-inflight") == "needs a stop, the trace has none");
        CHECK(not_applicable(run, "accept-after-stop") == "needs a stop, the trace has none");
        CHECK(
            not_applicable(run, "port-not-released") == "needs a check of the port after the exit, the trace has none");
    }
    SECTION("but never a rule that reported something") {
        s.tell("assert", "scope:1");
        play(s.told, run);
        CHECK(told_by(run.violations()) == "assertion-failed scope:1");
        CHECK(not_applicable(run, "assertion-failed") == "");
    }
}

TEST_CASE("violations come by the event at which they are broken, then in the order of the rules") {
    story s;
    s.tell("act.stop", "server:1");
    s.now = 300 * ms;
    s.tell("client.connect", "client:1");
    s.tell("client.connected", "client:1");
    s.tell("request.begin", "request:1");
    s.tell("coroutine.spawn", "coroutine:1");
    s.tell("server.stopped", "server:1");
    s.tell("client.closed", "client:1"); // the rule is judged late, but was violated earlier
    CHECK(judged(s) ==
        "accept-after-stop client:1\nstop-returned-early server:1\ncoroutine-lost coroutine:1\nfinish-event-lost "
        "request:1");
}

TEST_CASE("groups of facts have words, both ways") {
    CHECK(observes_text(scopes | server_acts | process) == "scopes, server, process");
    CHECK(observes_text(0) == "");
    CHECK(parse_observes("scopes coroutines requests connections server clients process") == 127);
    CHECK(parse_observes("  server   gossip ") == server_acts);
    CHECK(parse_observes("") == 0);
}
