// Rules on traces of real servers: which of several rules names a cause, and when a rule does not judge.
#include "tests/catch.hpp"
#include "tests/traces/rules/story_rules.hpp"
#include "tests/traces/story.hpp"

using namespace shutdown_repro::traces;

namespace {

// The beginning of a trace: a server that is ready.
struct real_server : story {
    explicit real_server(std::int64_t drain_timeout = 0) {
        if (drain_timeout) tell("process.start", "process:1", {{"name", "server"}, {"drain_timeout", drain_timeout}});
        else tell("process.start", "process:1", {{"name", "server"}});
        tell("process.ready", "process:1");
        now = 100 * ms;
    }
    real_server& at(std::int64_t milliseconds) {
        now = milliseconds * ms;
        return *this;
    }
    void connect(std::string_view role) {
        tell("client.connect", "client:1", {{"role", role}});
        tell("client.connected", "client:1");
    }
    void send(std::uint32_t number, std::initializer_list<field> more = {}) {
        std::vector<field> detail{{"request", ref{entity::request, number}}};
        detail.insert(detail.end(), more.begin(), more.end());
        tell_fields("client.send", "client:1", detail);
    }
    void answer(std::uint32_t number) {
        tell("client.done", "client:1", {{"request", ref{entity::request, number}}, {"status", 200}, {"close", false}});
    }
    void fail(std::uint32_t number, std::string_view how = "reset", std::initializer_list<field> more = {}) {
        std::vector<field> detail{{"request", ref{entity::request, number}}, {"how", how}};
        detail.insert(detail.end(), more.begin(), more.end());
        tell_fields("client.fail", "client:1", detail);
    }
    void stop() { tell("process.signal", "process:1", {{"signal", "SIGTERM"}, {"stop", true}}); }
    void exit() { tell("process.exit", "process:1", {{"status", 0}}); }
    void kill() {
        tell("process.signal", "process:1", {{"signal", "SIGKILL"}, {"stop", false}});
        tell("process.exit", "process:1", {{"signal", "SIGKILL"}});
    }
};

} // namespace

TEST_CASE(
    "a kill is reported as what held the server, as an error, and as a kill only where nothing is seen to hold it") {
    struct {
        std::string_view role, expected;
    } const cases[] = {
        {"silent", "silent-connection-blocks-stop client:1"},
        {"idle", "idle-connection-blocks-stop client:1"},
        {"stream", "stream-blocks-stop client:1"},
        {"in-flight", "killed-after-grace process:1"},
        {"late", "killed-after-grace process:1"},
    };
    for (auto const& c : cases) {
        real_server s;
        s.connect(c.role);
        if (c.role != "silent" && c.role != "late") s.send(1);
        if (c.role == "idle") s.answer(1);
        s.at(200).stop();
        s.at(10200).kill();
        INFO(c.role);
        auto const found = found_in(s);
        REQUIRE(told_by(found) == c.expected);
        CHECK(found[0].level == severity::error);
    }
}

TEST_CASE("if a silent and an idle connection are both open, neither is blamed for the stop") {
    real_server s;
    s.connect("idle");
    s.send(1);
    s.answer(1);
    s.tell("client.connect", "client:2", {{"role", "silent"}});
    s.tell("client.connected", "client:2");
    s.at(200).stop();
    bool const killed = GENERATE(false, true);
    s.at(10200);
    if (killed) s.kill();
    else s.exit();
    CHECK(judged(s) == (killed ? "killed-after-grace process:1" : ""));
}

TEST_CASE("a connection that came after the stop and asked for nothing did not hold it") {
    real_server s;
    s.tell("client.connect", "client:1");
    s.stop();
    s.tell("client.connected", "client:1");
    s.at(5000).exit();
    CHECK(judged(s) == "");
}

TEST_CASE("past the drain timeout it is the timeout that failed, whatever is still connected, before it, what is "
          "connected") {
    std::int64_t const exit = GENERATE(2900, 4300);
    real_server s(3000);
    s.connect("silent");
    s.at(200).stop();
    s.at(exit).exit();
    CHECK(judged(s) == (exit == 4300 ? "drain-timeout-exceeded process:1" : "silent-connection-blocks-stop client:1"));
}

TEST_CASE("a request that a reload leaves unanswered counts after the grace, if one that was sent later was answered") {
    struct {
        bool later_answered;
        std::int64_t waited, control_ms;
        std::string_view part, expected;
    } const cases[] = {
        {true, 5'100, 0, "", "unanswered-after-reload request:1"},
        {false, 5'100, 0, "", ""}, // it may answer nobody
        {true, 4'900, 0, "", ""},
        {true, 5'100, 200, "", ""}, // it takes so long without a reload
        {true, 5'100, 0, "body-half", ""},
    };
    for (auto const& c : cases) {
        INFO(c.later_answered << " " << c.waited << " " << c.control_ms << " " << c.part);
        story s;
        s.tell("process.start", "process:1", {{"name", "server"}, {"grace", 5'000}});
        s.tell("client.connect", "client:1", {{"role", "traffic"}});
        s.tell("client.connected", "client:1");
        s.tell("client.send", "client:1", {{"request", ref{entity::request, 1}}, {"part", c.part}});
        s.tell("act.begin", "process:1", {{"act", "reload"}});
        s.tell("client.connect", "client:2", {{"role", "traffic"}});
        s.tell("client.connected", "client:2");
        s.tell("client.send", "client:2", {{"request", ref{entity::request, 2}}});
        if (c.later_answered)
            s.tell("client.done", "client:2", {{"request", ref{entity::request, 2}}, {"status", 200}});
        s.now += c.waited * ms;
        s.tell("client.fail", "client:1",
            {{"request", ref{entity::request, 1}}, {"how", "timeout"}, {"control_ns", c.control_ms * ms}});
        CHECK(judged(s) == c.expected);
    }
}

TEST_CASE("without a drain timeout there is none to exceed, and none to sleep out") {
    real_server s;
    s.stop();
    s.at(9000).exit();
    CHECK(judged(s) == "");
    CHECK(why_not(s, "drain-timeout-exceeded") == "needs a configured drain timeout, the trace has none");
    s.connect("idle");
    CHECK(why_not(s, "full-delay-without-work") ==
        "needs a configured drain timeout, or the time of a stop without a client, the trace has none");
}

TEST_CASE("a lost request has one name, by how it was sent and when") {
    struct {
        std::string_view role;
        bool kept, frozen;
        int sent, failed; // times; the stop is at 200
        std::string_view expected;
    } const cases[] = {
        {"in-flight", false, false, 110, 210, "connection-reset-inflight request:2"},
        {"keepalive", true, false, 110, 210, "connection-reset-inflight request:2"},
        {"backlog", false, false, 110, 210, "backlog-reset request:2"},
        {"backlog", false, false, 201, 210, "backlog-reset request:2"}, // connected before the stop
        {"in-flight", false, true, 110, 210, "backlog-reset request:2"},
        {"keepalive", true, true, 110, 210, "keepalive-race-reset request:2"},
        {"keepalive", true, false, 201, 210, ""},
        {"keepalive", true, false, 201, 451, ""},
        {"keepalive", true, false, 201, 452, "keepalive-race-reset request:2"},
        {"readiness", false, false, 110, 210, ""},
    };
    for (auto const& c : cases) {
        INFO(c.role << ' ' << c.kept << c.frozen << ' ' << c.sent << ' ' << c.failed);
        real_server s;
        s.connect(c.role);
        if (c.kept) {
            s.send(1);
            s.answer(1);
        }
        auto const send = [&] { s.at(c.sent).send(2, {{"frozen", c.frozen}}); };
        if (c.sent < 200) send();
        s.at(200).stop();
        if (c.sent > 200) send();
        s.at(c.failed).fail(2);
        CHECK(judged(s) == c.expected);
    }
}

TEST_CASE("a race that loses what must not be repeated is an error") {
    std::string_view const method = GENERATE("GET", "DELETE", "POST");
    real_server s;
    s.connect("keepalive");
    s.send(1);
    s.answer(1);
    s.send(2, {{"method", method}, {"frozen", true}});
    s.stop();
    s.fail(2, "eof");
    auto const found = found_in(s);
    REQUIRE(told_by(found) == "keepalive-race-reset request:2");
    CHECK(found[0].level == (method == "POST" ? severity::error : severity::warning));
}

TEST_CASE("a connection in the backlog is lost with a reset even if nothing was sent on it, an orderly close is none") {
    bool const reset = GENERATE(true, false);
    real_server s;
    s.connect("backlog");
    s.stop();
    s.tell("client.closed", "client:1", {{"how", reset ? "reset" : "fin"}});
    CHECK(judged(s) == (reset ? "backlog-reset client:1" : ""));
}

TEST_CASE(
    "half a head is dropped whether or not the rest could be sent, and a whole one before the stop is in flight") {
    real_server s;
    s.connect("half-request");
    s.send(1, {{"part", "head-half"}});
    std::string expected = "partial-request-dropped request:1";
    SECTION("closed before the rest") {
        s.at(200).stop();
        s.fail(1, "eof");
    }
    SECTION("after the rest") {
        s.at(200).stop();
        s.at(500).send(1, {{"part", "rest"}});
        s.fail(1, "eof");
    }
    SECTION("the rest before the stop") {
        s.send(1, {{"part", "rest"}});
        s.at(200).stop();
        s.fail(1, "eof");
        expected = "connection-reset-inflight request:1";
    }
    CHECK(judged(s) == expected);
}

TEST_CASE("the first half of a head is sent before the stop, or there is nothing to judge") {
    real_server s;
    s.connect("half-request");
    s.stop();
    s.send(1, {{"part", "head-half"}});
    s.fail(1, "eof");
    CHECK(judged(s) == "");
    CHECK(why_not(s, "partial-request-dropped") ==
        "needs a request that is half sent before the stop, the trace has none");
}

TEST_CASE("what a second stop loses is not in flight, of one that is to end the server nothing is") {
    struct {
        std::string_view means;
        int failed;
        std::string_view expected;
    } const cases[] = {
        {"nothing", 610, "stop-not-idempotent request:1"},
        {"nothing", 851, "connection-reset-inflight request:1"}, // too late to be caused by the stop
        {"force", 610, ""},
    };
    for (auto const& c : cases) {
        INFO(c.means << c.failed);
        real_server s;
        s.connect("second");
        s.send(1);
        s.at(200).stop();
        s.at(600).tell("process.signal", "process:1",
            {{"signal", "SIGTERM"}, {"stop", false}, {"second", true}, {"means", c.means}});
        s.at(c.failed).fail(1);
        CHECK(judged(s) == c.expected);
        CHECK((why_not(s, "stop-not-idempotent") != "") == (c.means == "force"));
    }
}

TEST_CASE("the wrong signal is to blame only where the trace says that the graceful one loses nothing") {
    struct {
        int kept, lost;
        std::string_view expected;
    } const cases[] = {
        {1, 0, "stop-signal-not-graceful process:1"},
        {1, 1, "connection-reset-inflight request:1"},
        {0, 0, "connection-reset-inflight request:1"},
    };
    for (auto const& c : cases) {
        INFO(c.kept << c.lost);
        real_server s;
        s.connect("in-flight");
        s.send(1);
        s.tell("process.signal", "process:1",
            {{"signal", "SIGTERM"}, {"stop", true}, {"graceful", false}, {"kept", c.kept}, {"lost", c.lost}});
        s.fail(1);
        s.exit();
        CHECK(judged(s) == c.expected);
    }
    real_server s;
    s.stop();
    CHECK(why_not(s, "stop-signal-not-graceful").starts_with("needs clients facts"));
}

TEST_CASE("a stream above the last stream of GOAWAY is not lost, and one without a GOAWAY is in flight") {
    struct {
        int last;
        std::string_view expected;
    } const cases[] = {
        {-1, "connection-reset-inflight request:1"},
        {1, ""},
        {3, "goaway-stream-loss request:1"},
        {2147483647, "goaway-stream-loss request:1"},
    };
    for (auto const& c : cases) {
        INFO(c.last);
        real_server s;
        s.connect("in-flight");
        s.send(1, {{"stream", 3}});
        s.stop();
        if (c.last >= 0) s.tell("client.goaway", "client:1", {{"last", c.last}});
        s.fail(1, "eof", {{"stream", 3}});
        CHECK(judged(s) == c.expected);
    }
}

TEST_CASE("the failure of one stream says nothing of the others on its connection") {
    real_server s;
    s.connect("in-flight");
    for (std::uint32_t n : {1u, 2u}) s.send(n, {{"stream", 2 * n - 1}});
    s.stop();
    s.fail(1, "reset", {{"stream", 1}});
    s.tell("client.done", "client:1", {{"request", ref{entity::request, 2}}, {"status", 200}, {"stream", 3}});
    CHECK(judged(s) == "connection-reset-inflight request:1");
}

TEST_CASE("what a close-delimited response lacks is short, what a framed one lacks is truncated, an endless one lacks "
          "nothing") {
    struct {
        std::string_view role, how;
        bool framed;
        std::string_view expected;
    } const cases[] = {
        {"stream-in-flight", "eof", false, "response-short-framed request:1"},
        {"stream-in-flight", "reset", false, "response-truncated request:1"},
        {"stream-in-flight", "eof", true, "response-truncated request:1"},
        {"stream", "truncated", true, ""},
    };
    for (auto const& c : cases) {
        INFO(c.role << c.how << c.framed);
        real_server s;
        s.connect(c.role);
        s.send(1);
        s.tell("client.receive", "client:1", {{"request", ref{entity::request, 1}}, {"bytes", 90}});
        s.stop();
        s.fail(1, c.how, {{"received", 90}, {"framed", c.framed}});
        CHECK(judged(s) == c.expected);
    }
}

TEST_CASE("a short body of an error is a body of its own") {
    int const status = GENERATE(200, 503);
    real_server s;
    s.connect("in-flight");
    s.send(1);
    s.stop();
    s.tell("client.done", "client:1",
        {{"request", ref{entity::request, 1}}, {"status", status}, {"body", 10}, {"expected", 25}});
    CHECK(judged(s) == (status == 200 ? "response-short-framed request:1" : ""));
}

TEST_CASE("a readiness probe that is accepted after the stop is judged by its answer alone") {
    real_server s;
    s.stop();
    s.at(500).connect("readiness");
    s.send(1);
    std::string_view expected;
    SECTION("ready") {
        s.answer(1);
        expected = "readiness-not-flipped client:1";
    }
    SECTION("not ready") { s.tell("client.done", "client:1", {{"request", ref{entity::request, 1}}, {"status", 503}}); }
    SECTION("reset") { s.fail(1); }
    CHECK(judged(s) == expected);
    CHECK(why_not(s, "readiness-not-flipped") == "");
}

TEST_CASE("only a refused readiness probe is one, too, without a probe the rule says so") {
    real_server s;
    s.stop();
    s.connect("late");
    CHECK(why_not(s, "readiness-not-flipped") == "needs a readiness probe after the stop, the trace has none");
    s.at(500).tell("client.connect", "client:2", {{"role", "readiness"}});
    s.tell("client.fail", "client:2", {{"how", "refused"}});
    CHECK(why_not(s, "readiness-not-flipped") == "");
    CHECK(judged(s) == "");
}

TEST_CASE("the port of an orphan is the orphan's, whichever of them is seen first") {
    real_server s;
    s.stop();
    s.exit();
    bool const orphan = GENERATE(true, false), first = GENERATE(true, false);
    if (orphan && first) s.tell("process.orphan", "process:2");
    s.tell("process.port", "process:1", {{"port", 80}, {"listening", true}});
    if (orphan && !first) s.tell("process.orphan", "process:2");
    CHECK(judged(s) == (orphan ? "orphan-process process:2" : "port-not-released process:1"));
}

TEST_CASE("a worker crashes when it dies of a fault, not when its parent ends it") {
    std::string_view const signal = GENERATE("SIGSEGV", "SIGABRT", "SIGKILL", "SIGQUIT");
    real_server s;
    s.stop();
    s.tell("process.exit", "process:2", {{"signal", signal}});
    s.exit();
    bool const fault = signal == "SIGSEGV" || signal == "SIGABRT";
    CHECK(judged(s) == (fault ? "crash-on-stop process:2" : ""));
}

TEST_CASE("a signal that a command to stop has sent is no crash but one that nobody catches, and a fault is a crash") {
    std::string_view const signal = GENERATE("SIGTERM", "SIGKILL", "SIGSEGV");
    std::string_view const how = GENERATE("command", "http");
    real_server s;
    s.tell("act.stop", "process:1", {{"how", how}});
    s.tell("process.exit", "process:1", {{"signal", signal}});
    CHECK(judged(s) == (signal == "SIGSEGV" ? "crash-on-stop process:1" : "stop-signal-unhandled process:1"));
}

TEST_CASE("an exit alone does not show that no process is left: the runner must have looked for orphans") {
    real_server s;
    s.stop();
    s.exit();
    CHECK(why_not(s, "orphan-process") == "needs a check for remaining processes after the exit, the trace has none");
    s.tell("process.left", "process:1", {{"count", 0}});
    CHECK(why_not(s, "orphan-process") == "");
}

TEST_CASE(
    "connections in CLOSE_WAIT leak even if the count of descriptors is small, and each process counts for itself") {
    real_server s;
    s.tell("process.files", "process:1", {{"when", "ready"}, {"open", 20}, {"close_wait", 0}});
    s.tell("process.files", "process:2", {{"when", "ready"}, {"open", 9}, {"close_wait", 0}});
    s.stop();
    s.tell("process.files", "process:1", {{"when", "drained"}, {"open", 19}, {"close_wait", 2}});
    s.tell("process.files", "process:2", {{"when", "drained"}, {"open", 10}, {"close_wait", 0}});
    auto const found = found_in(s);
    REQUIRE(told_by(found) == "fd-leak process:1\nfd-leak process:2");
    CHECK(
        found[0].message == "process:1 has 19 file descriptors open and no client connected, 2 of them in CLOSE_WAIT");
    CHECK(found[1].message ==
        "process:2 has 10 file descriptors open and no client connected, 1 more than when it was ready");
}

TEST_CASE("a zero is misleading when a request was lost, also one that is seen only after the exit, unknown statuses "
          "are not judged") {
    bool const known = GENERATE(true, false);
    real_server s;
    s.connect("in-flight");
    s.send(1);
    s.stop();
    if (known) s.tell("process.exit", "process:1", {{"status", 0}, {"accepted", true}});
    else s.exit();
    s.fail(1);
    CHECK(judged(s) ==
        (known ? "exit-status-misleading process:1\nconnection-reset-inflight request:1"
               : "connection-reset-inflight request:1"));
    CHECK((why_not(s, "exit-status-misleading") ==
              "needs an exit status and whether it is accepted, the trace has none") == !known);
}

TEST_CASE("traffic that is still on when the server is killed starved its drain, and traffic that ended long before "
          "did not") {
    real_server s;
    s.tell("client.traffic", "client:9", {{"going", true}});
    s.at(200).stop();
    std::string_view expected = "drain-starved client:9";
    SECTION("killed") { s.at(10200).kill(); }
    SECTION("exits with it") {
        s.at(3000).tell("client.traffic", "client:9", {{"going", false}});
        s.at(3100).exit();
    }
    SECTION("exits while it goes on, so it did not wait for its end") {
        s.at(700).exit();
        expected = "";
    }
    SECTION("exits much later") {
        s.at(3000).tell("client.traffic", "client:9", {{"going", false}});
        s.at(4100).exit();
        expected = "";
    }
    CHECK(judged(s) == expected);
}

TEST_CASE(
    "detached work that is cancelled after the stop is lost, before its response it is a coroutine like any other") {
    bool const answered = GENERATE(true, false);
    story s;
    s.tell("request.begin", "request:1");
    s.tell(
        "coroutine.spawn", "coroutine:1", {{"name", "mail"}, {"detached", true}, {"request", ref{entity::request, 1}}});
    if (answered) s.tell("request.respond", "request:1");
    s.tell("act.stop", "server:1");
    if (answered) s.tell("request.finish", "request:1");
    s.tell("coroutine.finish", "coroutine:1", {{"result", "cancelled"}});
    s.tell("coroutine.remove", "coroutine:1");
    if (!answered) s.tell("request.finish", "request:1");
    CHECK(judged(s) == (answered ? "background-work-lost coroutine:1" : ""));
}

TEST_CASE("a client connection that is open at the end is a ghost only if the process has exited") {
    real_server s;
    s.connect("idle");
    s.stop();
    bool const gone = GENERATE(true, false);
    if (gone) s.exit();
    s.tell("client.open", "client:1");
    CHECK(judged(s) == (gone ? "ghost-connection client:1" : ""));
    CHECK((why_not(s, "ghost-connection") == "") == gone);
}
