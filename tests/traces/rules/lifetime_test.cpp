// Tests of what the two trace files of a rule can't show: the scope that a violation names, the live members with their
// states, and traces without a violation.
#include "tests/catch.hpp"
#include "tests/traces/story.hpp"

using namespace shutdown_repro::traces;

namespace {

// A server with its scope, and request scopes with one suspended handler each.
void begin(story& s, int requests = 2) {
    s.tell("server.open", "server:1");
    s.tell("scope.open", "scope:1", {{"name", "server"}, {"object", true}});
    for (int i = 1; i <= requests; ++i) {
        std::string const scope = "scope:" + std::to_string(i + 1), handler = "coroutine:" + std::to_string(i);
        s.tell("scope.open", scope, {{"name", "request:" + std::to_string(i)}}, "scope:1");
        s.tell("coroutine.spawn", handler, {{"name", "handler of GET /" + std::to_string(i)}}, scope);
        s.tell("coroutine.start", handler);
        s.tell("coroutine.suspend", handler, {{"on", "delay"}, {"ms", 60}});
    }
}

void over(story& s, std::string const& handler, std::string const& scope) {
    s.tell("coroutine.resume", handler, {{"with", "cancellation"}});
    s.tell("coroutine.finish", handler, {{"result", "cancelled"}});
    s.tell("coroutine.remove", handler, {}, scope);
    s.tell("scope.dispose", scope, {{"refs", 1}});
    s.tell("scope.disposed", scope);
}

violation only(story const& s) {
    rule_run run;
    play(s.told, run);
    INFO(told_by(run.violations()));
    REQUIRE(run.violations().size() == 1);
    return run.violations()[0];
}

} // namespace

TEST_CASE("a scope disposed with a parked handler is reported with the handler's name, its spawn and its state") {
    story s;
    begin(s, 1);
    s.tell("scope.dispose", "scope:1", {{"refs", 0}});
    seq_t const at = s.tell("scope.dispose", "scope:2", {{"refs", 1}});
    s.tell("assert", "scope:2", {{"message", "must be empty"}});
    rule_run run;
    play(s.told, run);
    REQUIRE(told_by(run.violations()) == "scope-disposed-nonempty scope:2\nassertion-failed scope:2");
    violation const& v = run.violations()[0];
    CHECK(v.at == at);
    REQUIRE(v.inside.size() == 1);
    CHECK(v.inside[0] == "coroutine:1   handler of GET /1, spawned at #3, suspended on delay since #5");
    CHECK(v.witness == std::vector<seq_t>{3, 5, at});
}

TEST_CASE("a handler that has finished but is not removed is inside, and its line says so") {
    story s;
    s.tell("scope.open", "scope:1");
    s.tell("coroutine.spawn", "coroutine:1", {}, "scope:1");
    s.tell("coroutine.start", "coroutine:1");
    s.tell("coroutine.finish", "coroutine:1", {{"result", "failed"}});
    s.tell("scope.dispose", "scope:1");
    s.tell("scope.disposed", "scope:1");
    CHECK(only(s).inside == std::vector<std::string>{"coroutine:1   spawned at #1, finished at #3, not yet removed"});
}

TEST_CASE("each of those inside is described: queued, cancel pending, zombie, in its hook") {
    story s;
    s.tell("scope.open", "scope:1");
    for (int i = 1; i <= 4; ++i) s.tell("coroutine.spawn", "coroutine:" + std::to_string(i), {}, "scope:1");
    for (int i = 2; i <= 4; ++i) s.tell("coroutine.start", "coroutine:" + std::to_string(i));
    s.tell("coroutine.suspend", "coroutine:2", {{"on", "write"}});
    s.tell("coroutine.cancel", "coroutine:2", {{"mode", "unsafe"}});
    s.tell("coroutine.zombie", "coroutine:3");
    s.tell("coroutine.finish", "coroutine:4");
    s.tell("coroutine.hook", "coroutine:4");
    s.tell("coroutine.suspend", "coroutine:4", {{"on", "hook"}});
    s.tell("scope.dispose", "scope:1");
    rule_run run;
    play(s.told, run, false);
    REQUIRE(told_by(run.violations()) == "scope-disposed-nonempty scope:1");
    CHECK(run.violations()[0].message == "scope:1 was disposed with coroutine:1 and 3 more inside");
    CHECK(run.violations()[0].inside ==
        std::vector<std::string>{
            "coroutine:1   spawned at #1, queued, never ran",
            "coroutine:2   spawned at #2, cancel pending since #9, suspended on write since #8",
            "coroutine:3   spawned at #3, a zombie, running",
            "coroutine:4   spawned at #4, finished at #11, its completion hook still runs",
        });
}

TEST_CASE("a handler directly in the server scope is reported there") {
    story s;
    s.tell("scope.open", "scope:1", {{"name", "server"}});
    s.tell("coroutine.spawn", "coroutine:1", {}, "scope:1");
    s.tell("scope.dispose", "scope:1");
    s.tell("assert", "scope:1");
    CHECK(judged(s) == "scope-disposed-nonempty scope:1\nassertion-failed scope:1");
}

TEST_CASE("when the inner scope's own disposal never begins, the scope around it is reported, once") {
    story s;
    begin(s);
    seq_t const at = s.tell("scope.dispose", "scope:1", {{"refs", 0}});
    SECTION("because the trace ends there") {
        rule_run run;
        play(s.told, run, false);
        REQUIRE(told_by(run.violations()) == "scope-disposed-nonempty scope:1");
        CHECK(run.violations()[0].at == at);
        CHECK(run.violations()[0].message == "scope:1 (server) was disposed with coroutine:1 and coroutine:2 inside");
        CHECK(verdict_of(run.violations(), false) == verdict::violated);
    }
    SECTION("because it is forgotten") {
        s.tell("scope.disposed", "scope:1");
        rule_run run;
        play(s.told, run, false);
        REQUIRE(told_by(run.violations()) == "scope-disposed-nonempty scope:1");
        CHECK(run.violations()[0].at == at + 1);
    }
    SECTION("but not when it died while it disposed of the first of two") {
        s.tell("scope.dispose", "scope:2", {{"refs", 1}});
        s.tell("assert", "scope:2");
        CHECK(judged(s) == "scope-disposed-nonempty scope:2\nassertion-failed scope:2");
    }
}

TEST_CASE("through three levels of scopes only the innermost is reported") {
    story s;
    s.tell("scope.open", "scope:1");
    s.tell("scope.open", "scope:2", {}, "scope:1");
    s.tell("scope.open", "scope:3", {}, "scope:2");
    s.tell("coroutine.spawn", "coroutine:1", {}, "scope:3");
    for (auto id : {"scope:1", "scope:2", "scope:3"}) s.tell("scope.dispose", id);
    rule_run run;
    play(s.told, run, false);
    CHECK(told_by(run.violations()) == "scope-disposed-nonempty scope:3");
}

TEST_CASE("a used child scope that outlives its parent is reported although it is empty, an unused one is not") {
    story s;
    s.tell("scope.open", "scope:1");
    s.tell("scope.open", "scope:2", {{"name", "used"}}, "scope:1");
    s.tell("scope.open", "scope:3", {{"name", "unused"}}, "scope:1");
    s.tell("coroutine.spawn", "coroutine:1", {}, "scope:2");
    s.tell("coroutine.start", "coroutine:1");
    s.tell("coroutine.finish", "coroutine:1");
    s.tell("coroutine.remove", "coroutine:1", {}, "scope:2");
    s.tell("scope.dispose", "scope:1");
    s.tell("scope.disposed", "scope:1");
    for (auto id : {"scope:2", "scope:3"}) s.tell("scope.dispose", id), s.tell("scope.disposed", id);
    violation const v = only(s);
    CHECK(v.message == "scope:1 was disposed with scope:2 inside");
    CHECK(v.inside == std::vector<std::string>{"scope:2   used, opened at #1, not disposed"});
}

TEST_CASE("a coroutine that is spawned during the disposal of its scope is inside when the scope is disposed") {
    story s;
    s.tell("scope.open", "scope:1");
    s.tell("scope.dispose", "scope:1");
    s.tell("coroutine.spawn", "coroutine:1", {}, "scope:1");
    s.tell("scope.disposed", "scope:1");
    rule_run run;
    play(s.told, run, false);
    CHECK(told_by(run.violations()) == "scope-disposed-nonempty scope:1");
}

TEST_CASE("what the server says was in the scope counts in a trace that began later") {
    story s;
    s.tell("scope.open", "scope:1");
    ref const live[] = {{entity::coroutine, 7}};
    s.tell("scope.dispose", "scope:1", {{"live", std::span<ref const>(live)}});
    rule_run run;
    play(s.told, run, false);
    REQUIRE(told_by(run.violations()) == "scope-disposed-nonempty scope:1");
    CHECK(run.violations()[0].inside == std::vector<std::string>{"coroutine:7"});
}

TEST_CASE("of very many inside the first are listed and the rest counted") {
    story s;
    s.tell("scope.open", "scope:1");
    for (int i = 1; i <= 5000; ++i) s.tell("coroutine.spawn", "coroutine:" + std::to_string(i), {}, "scope:1");
    s.tell("scope.dispose", "scope:1");
    rule_run run;
    play(s.told, run, false);
    REQUIRE(run.violations().size() == 1);
    CHECK(run.violations()[0].message == "scope:1 was disposed with coroutine:1 and 4999 more inside");
    CHECK(run.violations()[0].inside.size() == 17);
    CHECK(run.violations()[0].inside.back() == "and 4984 more");
}

TEST_CASE("stop that returns while a cancelled handler cleans up, or sleeps on as a zombie, is not awaited") {
    story s;
    begin(s);
    s.tell("act.stop", "server:1");
    s.tell("scope.cancel", "scope:1");
    std::string inside;
    SECTION("a cleanup") {
        for (auto handler : {"coroutine:1", "coroutine:2"}) s.tell("coroutine.cancel", handler, {{"mode", "unsafe"}});
        over(s, "coroutine:1", "scope:2");
        inside =
            "coroutine:2   handler of GET /2, spawned at #7, cancel pending since #13, suspended on delay since #9";
    }
    SECTION("a zombie") {
        for (auto handler : {"coroutine:1", "coroutine:2"}) s.tell("coroutine.zombie", handler);
        over(s, "coroutine:1", "scope:2");
        inside = "coroutine:2   handler of GET /2, spawned at #7, a zombie, suspended on delay since #9";
    }
    SECTION("one that only its scope was told for") {
        over(s, "coroutine:1", "scope:2");
        inside = "coroutine:2   handler of GET /2, spawned at #7, suspended on delay since #9";
    }
    s.tell("server.stopped", "server:1");
    s.tell("act.free", "server:1");
    s.tell("server.free", "server:1");
    over(s, "coroutine:2", "scope:3");
    s.tell("scope.dispose", "scope:1");
    s.tell("scope.disposed", "scope:1");
    violation const v = only(s);
    CHECK(v.rule == "cancelled-not-awaited");
    CHECK(v.message == "server:1 stopped before the cancelled coroutine:2 had ended");
    CHECK(v.inside == std::vector<std::string>{inside});
}

TEST_CASE("freeing the server itself is judged, asking for it is not") {
    story s;
    begin(s, 1);
    s.tell("act.free", "server:1");
    s.tell("coroutine.cancel", "coroutine:1", {{"mode", "unsafe"}});
    bool const at_once = GENERATE(true, false);
    if (at_once) s.tell("server.free", "server:1");
    over(s, "coroutine:1", "scope:2");
    s.tell("scope.dispose", "scope:1");
    s.tell("scope.disposed", "scope:1");
    if (!at_once) s.tell("server.free", "server:1");
    CHECK(judged(s) == (at_once ? "cancelled-not-awaited server:1" : ""));
}

TEST_CASE("stop that returns while handlers are parked, but cancelled nothing, breaks no promise about cancelling") {
    story s;
    begin(s, 1);
    s.tell("server.stopped", "server:1");
    over(s, "coroutine:1", "scope:2");
    CHECK(judged(s) == "");
}

TEST_CASE("the coroutine that returns from start can't await itself, however it was cancelled") {
    story s;
    s.tell("server.open", "server:1");
    for (auto id : {"coroutine:1", "coroutine:2"}) {
        s.tell("coroutine.spawn", id);
        s.tell("coroutine.start", id);
        s.tell("coroutine.cancel", id, {{"mode", "unsafe"}});
    }
    s.tell("server.stopped", "server:1", {}, {}, "coroutine:1");
    rule_run run;
    play(s.told, run, false);
    REQUIRE(told_by(run.violations()) == "cancelled-not-awaited server:1");
    REQUIRE(run.violations()[0].inside.size() == 1);
    CHECK_THAT(run.violations()[0].inside[0], ContainsSubstring("coroutine:2"));
}

TEST_CASE("a coroutine that a closed scope took and started is no lost submission, only lost") {
    story s;
    begin(s, 1);
    s.tell("scope.closed", "scope:1");
    s.tell("coroutine.spawn", "coroutine:9", {}, "scope:1");
    s.tell("coroutine.start", "coroutine:9");
    over(s, "coroutine:1", "scope:2");
    CHECK(judged(s) == "coroutine-lost coroutine:9");
}

TEST_CASE("the rules of the end stay silent for a server that died, and speak for one that did not") {
    story s;
    begin(s, 1);
    s.tell("request.begin", "request:1");
    s.tell("scope.closed", "scope:2");
    s.tell("coroutine.spawn", "coroutine:9", {}, "scope:2");
    s.tell("scope.open", "scope:9");
    SECTION("alive") {
        CHECK(judged(s) ==
            "scope-leaked scope:2\nscope-leaked scope:9\nspawn-after-close coroutine:9\n"
            "coroutine-lost coroutine:1\nfinish-event-lost request:1");
    }
    SECTION("incomplete") { CHECK(judged(s, false) == ""); }
    SECTION("lost events, said by the footer alone") {
        s.told.foot.emplace().dropped = 1;
        CHECK(judged(s) == "");
    }
    SECTION("a failed assertion") {
        s.tell("assert", "scope:2");
        CHECK(judged(s) == "assertion-failed scope:2");
    }
    SECTION("a signal, said by the process table") {
        s.tell("process.exit", "process:1", {{"signal", "SIGSEGV"}});
        CHECK(judged(s) == "crash-on-stop process:1");
    }
    SECTION("a signal, said by the footer alone") {
        s.told.foot.emplace().signal = "SIGABRT";
        CHECK(judged(s) == "crash-on-stop process:1");
    }
}

TEST_CASE("a coroutine finished in its sleep is lost, unless its cancellation had made it ready") {
    story s;
    s.tell("coroutine.spawn", "coroutine:1");
    s.tell("coroutine.start", "coroutine:1");
    s.tell("coroutine.suspend", "coroutine:1", {{"on", "delay"}});
    std::string expected = "coroutine-lost coroutine:1";
    SECTION("nobody cancelled it") {}
    SECTION("a safe cancellation made it a zombie") {
        s.tell("coroutine.cancel", "coroutine:1", {{"mode", "safe"}});
        s.tell("coroutine.zombie", "coroutine:1");
    }
    SECTION("a zombie that was then cancelled for good") {
        s.tell("coroutine.zombie", "coroutine:1");
        s.tell("coroutine.cancel", "coroutine:1", {{"mode", "unsafe"}});
        expected = "finalized-while-queued coroutine:1";
    }
    s.tell("coroutine.finish", "coroutine:1", {{"result", "cancelled"}});
    s.tell("coroutine.remove", "coroutine:1");
    CHECK(judged(s) == expected);
}

TEST_CASE("a coroutine that the server itself calls queued at its finish was finalized while queued") {
    story s;
    s.tell("coroutine.spawn", "coroutine:1");
    s.tell("coroutine.start", "coroutine:1");
    s.tell("coroutine.finish", "coroutine:1", {{"result", "completed"}, {"queued", true}});
    s.tell("coroutine.remove", "coroutine:1");
    CHECK(judged(s) == "finalized-while-queued coroutine:1");
}

TEST_CASE("a removed coroutine that is resumed breaks another rule than one that is used in another way") {
    story s;
    s.tell("coroutine.spawn", "coroutine:1");
    s.tell("coroutine.start", "coroutine:1");
    s.tell("coroutine.finish", "coroutine:1");
    s.tell("coroutine.remove", "coroutine:1");
    bool const resumed = GENERATE(true, false);
    s.tell(resumed ? "coroutine.resume" : "coroutine.cancel", "coroutine:1");
    CHECK(judged(s) == (resumed ? "coroutine-resumed-after-finish coroutine:1" : "access-after-free coroutine:1"));
}

TEST_CASE("freed objects must not be entered, cancelled, stopped or notified") {
    struct late {
        std::string_view what, id, parent, subject;
    };
    late const one = GENERATE(late{"scope.open", "scope:9", "scope:1", "scope:1"},
        late{"coroutine.spawn", "coroutine:9", "scope:1", "scope:1"}, late{"scope.cancel", "scope:1", "", "scope:1"},
        late{"scope.unref", "scope:1", "", "scope:1"}, late{"act.stop", "server:1", "", "server:1"},
        late{"server.stopped", "server:1", "", "server:1"},
        late{"connection.open", "connection:1", "server:1", "server:1"});
    INFO(one.what);
    story s;
    s.tell("server.open", "server:1");
    s.tell("scope.open", "scope:1");
    s.tell("scope.dispose", "scope:1");
    s.tell("scope.disposed", "scope:1");
    s.tell("server.free", "server:1");
    s.tell(one.what, one.id, {}, one.parent);
    rule_run run;
    play(s.told, run, false);
    CHECK(told_by(run.violations()) == "access-after-free " + std::string(one.subject));
}

TEST_CASE("an assertion that is recorded and printed counts once, another printed one counts too") {
    story s;
    bool const worded = GENERATE(true, false);
    s.tell("assert", "scope:1", {{"message", worded ? "n == 0" : ""}});
    s.tell("process.stderr", "process:1", {{"text", "x.c:1: f: Assertion `n == 0' failed."}});
    CHECK(judged(s) == "assertion-failed scope:1");
    s.tell("process.stderr", "process:2", {{"text", "x.c:2: f: Assertion `m == 0' failed."}});
    CHECK(judged(s) == (worded ? "assertion-failed scope:1\nassertion-failed process:2" : "assertion-failed scope:1"));
}

TEST_CASE("an assertion that is only printed is found with its message and place") {
    story s;
    s.tell("process.stderr", "process:1",
        {{"text",
            "starting\nphp: ext/async/scope.c:1189: scope_dispose: Assertion `n == 0 && \"Scope should be empty\"' "
            "failed.\n"}});
    violation const v = only(s);
    CHECK(v.rule == "assertion-failed");
    CHECK(v.message == "\"Scope should be empty\" failed at ext/async/scope.c:1189");
}
