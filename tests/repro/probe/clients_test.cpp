// Probes whose clients send bodies, read slowly, keep their connections, or come while the server means to accept them.
#include <fstream>
#include "repro/probe/controls.hpp"
#include "repro/process/private_folder.hpp"
#include "tests/catch.hpp"
#include "tests/repro/probe/python_servers.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using namespace shutdown_repro::tests;
using traces::verdict;

namespace {

judged_probe compared_with_controls(target const& t, std::string const& probe) {
    target_controls controls = measure_controls(t, {&probe, 1});
    std::string const why = why_not_judged(controls, t, probe);
    INFO(why);
    REQUIRE(why.empty());
    judged_probe p = judged(run_probe(t, probe, {.connections = few, .controls = &controls}));
    CHECK(nobody_left());
    std::string all = probe + ": " + p.facts.note + "\n";
    for (std::string const& m : p.messages) all += m + "\n";
    UNSCOPED_INFO(all);
    return p;
}

target bodies(std::string const& how) {
    target t = python_server("bodies", {how});
    t.upload = usual_upload();
    t.upload.path = "/store";
    t.large.path = "/large";
    return t;
}

target kept_server(std::vector<std::string> arguments) {
    target t = python_server("kept", std::move(arguments));
    t.grace_ms = 10'000;
    return t;
}

} // namespace

TEST_CASE("an upload of which half was read before the stop is answered, or lost, and its answer is compared") {
    if (!have_python()) return;
    for (char const* const probe : {"upload", "expect"}) {
        judged_probe const p = compared_with_controls(bodies("finish"), probe);
        CHECK(p.verdict == verdict::clean);
        CHECK(p.facts.answered == few);
        CHECK(compared_with_controls(bodies("refuse"), probe).breaks("response-error-at-stop"));
        judged_probe const lost = compared_with_controls(bodies("drop"), probe);
        CHECK(lost.breaks("connection-reset-inflight"));
        CHECK(lost.facts.lost == few);
    }
}

TEST_CASE("a large response that is read slowly across the stop arrives whole, or is cut") {
    if (!have_python()) return;
    judged_probe const p = compared_with_controls(bodies("whole"), "slow-reader");
    CHECK(p.verdict == verdict::clean);
    CHECK(p.facts.answered == few);
    CHECK(compared_with_controls(bodies("cut"), "slow-reader").breaks("response-truncated"));
}

TEST_CASE("a response that the kernel can hold whole shows nothing about slow readers") {
    if (!have_python()) return;
    target t = bodies("whole");
    t.large.path = "/";
    judged_probe const p = compared_with_controls(t, "slow-reader");
    CHECK(p.verdict == verdict::inconclusive);
    CHECK_THAT(p.facts.note, ContainsSubstring("the probe was not in place before the stop"));
}

TEST_CASE("a server that waits for connections which became idle after the stop is blocked by them") {
    if (!have_python()) return;
    CHECK(compared_with_controls(kept_server({"4", "keeps"}), "kept").breaks("idle-connection-blocks-stop"));
    CHECK(compared_with_controls(kept_server({"4", "says"}), "kept").verdict == verdict::clean);
}

TEST_CASE("a second request on a connection that was kept across the stop is answered, or lost") {
    if (!have_python()) return;
    judged_probe const p = compared_with_controls(kept_server({"20", "says"}), "second-request");
    CHECK(p.verdict == verdict::clean);
    CHECK(p.facts.answered > 0);
    CHECK(compared_with_controls(kept_server({"20", "drops"}), "second-request").breaks("keepalive-race-reset"));
}

TEST_CASE("a second request needs a server that keeps connections") {
    if (!have_python()) return;
    judged_probe const p = compared_with_controls(bodies("whole"), "second-request");
    CHECK(p.verdict == verdict::inconclusive);
    CHECK_THAT(p.facts.note, ContainsSubstring("no connection was kept"));
}

TEST_CASE("overlapping requests end a drain, or prolong it") {
    if (!have_python()) return;
    CHECK_FALSE(compared_with_controls(kept_server({"1", "says"}), "overlap").breaks("drain-starved"));
    judged_probe const starved = compared_with_controls(kept_server({"1", "keeps"}), "overlap");
    CHECK(starved.breaks("drain-starved"));
    CHECK_THAT(starved.facts.note, !ContainsSubstring("in a moment without a request")); // it ended after the traffic
}

TEST_CASE("a server that exits in a moment when by chance it has no request is inconclusive, not clean") {
    if (!have_python()) return;
    judged_probe const p = compared_with_controls(python_server("gap", {"3"}), "overlap");
    CHECK(p.verdict == verdict::inconclusive);
    CHECK_THAT(p.facts.note, ContainsSubstring("exited in a moment without a request"));
}

TEST_CASE("new clients are served while the server accepts on purpose, and the exit counts from the end of that") {
    if (!have_python()) return;
    target t = kept_server({"20", "delays", "1.5"});
    t.accepts_for_ms = 1'500;
    for (char const* const probe : {"drain-delay", "idle", "silent", "traffic", "in-flight"}) {
        INFO(probe);
        judged_probe const p = compared_with_controls(t, probe);
        CHECK(p.verdict == verdict::clean);
    }
}

TEST_CASE("a server that accepts for a shorter time than it says refuses clients") {
    if (!have_python()) return;
    for (std::vector<std::string> const& how :
        std::vector<std::vector<std::string>>{{"20", "early"}, {"20", "delays", "0.5"}}) {
        target t = kept_server(how);
        t.accepts_for_ms = 1'500;
        CHECK(compared_with_controls(t, "drain-delay").breaks("refused-during-drain-delay"));
    }
}

TEST_CASE("a server that goes on accepting and does not say so accepts after the stop, whatever the probe") {
    if (!have_python()) return;
    for (char const* const probe : {"idle", "silent", "traffic"}) {
        INFO(probe);
        judged_probe const p = compared_with_controls(kept_server({"20", "delays", "1.5"}), probe);
        CHECK(p.rules == std::vector<std::string>{"accept-after-stop"});
    }
}

TEST_CASE("what a stop has to leave behind is looked for after the exit") {
    if (!have_python()) return;
    target t = python_server("effects", {"{folder}/access.log", "closes"});
    t.effects = {{.file = "{folder}/access.log", .has = {"answered 1", "answered 4"}},
        {.file = "{folder}/access.log", .matches = "^answered [0-9]+$", .for_each_answer = "^answered"},
        {.output = true, .has = {"bye"}}, {.command = {"test", "-s", "{folder}/access.log"}}};
    judged_probe const p = compared_with_controls(t, "answered");
    CHECK(p.verdict == verdict::clean);
    t.command.back() = "forgets";
    judged_probe const lost = compared_with_controls(t, "answered");
    CHECK(std::ranges::count(lost.rules, "effect-missing") == 4); // the file is empty, twice; the output; the command
}

TEST_CASE("a file that was there before the start is no effect of the stop") {
    if (!have_python()) return;
    private_folder const own;
    std::string const log = own.file("access.log");
    std::ofstream(log) << "answered 1\n";
    target t = python_server("effects", {log, "closes"});
    t.effects = {{.file = log, .has = {"answered 1"}}};
    CHECK(compared_with_controls(t, "answered").verdict == verdict::clean);
    t.command.back() = "forgets";
    CHECK(compared_with_controls(t, "answered").breaks("effect-missing"));
}

TEST_CASE("a rule that is allowed is only noted") {
    if (!have_python()) return;
    target t = bodies("refuse");
    t.allow = {"response-error-at-stop", "exit-status-misleading"};
    judged_probe const p = compared_with_controls(t, "upload");
    CHECK(p.breaks("response-error-at-stop"));
    CHECK(p.verdict != verdict::violated);
}
