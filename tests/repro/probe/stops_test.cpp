// Who gets the signal of a stop, in a container too; stops while a server starts; and for whom a stop waits.
#include "repro/input/errors.hpp"
#include "repro/probe/controls.hpp"
#include "repro/probe/startup.hpp"
#include "tests/catch.hpp"
#include "tests/repro/probe/python_servers.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using namespace shutdown_repro::tests;
using traces::verdict;

namespace {

// Runs the probe and compares it with its controls.
judged_probe controlled(target const& t, std::string const& probe) {
    target_controls controls = measure_controls(t, {&probe, 1});
    judged_probe p = judged(run_probe(t, probe, {.connections = few, .controls = &controls}));
    CHECK(nobody_left());
    std::string all =
        p.facts.note + ", at rest " + std::to_string(controls.at_rest.took / traces::millisecond) + " ms\n";
    for (std::string const& m : p.messages) all += m + "\n";
    UNSCOPED_INFO(t.name << " " << probe << ": " << p.facts.end << " " << all);
    return p;
}

target wrapped(std::string const& how, std::int64_t grace_ms = 6'000) {
    target t = python_server("wraps", {how, "waits"});
    t.grace_ms = grace_ms;
    return t;
}

// Whether this user may make a PID namespace.
bool have_pid_namespaces() {
    try {
        target t = python_server("waits");
        t.pid1 = true;
        run_probe(t, "silent", {.connections = 1});
        return true;
    } catch (input_error const& e) {
        if (std::string(e.what()).find("PID namespace") == std::string::npos) throw;
        skip("this user may not make a PID namespace");
        return false;
    }
}

} // namespace

TEST_CASE(
    "a target file says who gets the signal, whether a namespace is made, and at which line of its start to stop") {
    auto const read = [](std::string const& more) {
        return target_from_text(
            R"({"format":"shutdown-repro/target","version":"1.0","name":"t","command":["true"])" + more + "}",
            "t.json");
    };
    target const t = read(R"(,"signal_to":"group","pid1":true,"startup":{"log":"^loading"})");
    CHECK(t.signal_to == target::receivers::group);
    CHECK(t.pid1);
    CHECK(t.startup.log == "^loading");
    for (char const* const wrong : {R"(,"signal_to":"everyone")", R"(,"pid1":"yes")", R"(,"startup":{"log":"("})"})
        CHECK_THROWS_AS(read(wrong), input_error);
}

TEST_CASE("a wrapper that keeps the signal to itself is told apart from a server that ignores it") {
    if (!have_python()) return;
    for (char const* const how : {"dies", "deaf"}) {
        INFO(how);
        judged_probe const p = controlled(wrapped(how, 5'000), "silent");
        CHECK(p.breaks("stop-signal-not-forwarded"));
        CHECK_FALSE(p.breaks("killed-after-grace"));
        CHECK_FALSE(p.breaks("stop-signal-unhandled"));
    }
    target t = python_server("wraps", {"deaf", "stops", "never"});
    t.grace_ms = 1'500;
    judged_probe const ignored = controlled(t, "silent");
    CHECK_FALSE(ignored.breaks("stop-signal-not-forwarded"));
    CHECK(ignored.breaks("killed-after-grace"));
}

TEST_CASE("a wrapper that forwards the signal and waits for the server is right") {
    if (!have_python()) return;
    CHECK(controlled(wrapped("forwards"), "in-flight").verdict == verdict::clean);
}

TEST_CASE("a wrapper that exits before the server is a warning, and an error where that kills the server") {
    if (!have_python()) return;
    auto const level = [](judged_probe const& p) {
        for (traces::violation const& v : traces::judge(p.trace).violations)
            if (v.rule == "wrapper-exits-first") return v.level;
        return traces::severity::note;
    };
    target t = wrapped("hurries");
    judged_probe const outside = controlled(t, "in-flight");
    CHECK(level(outside) == traces::severity::warning);
    CHECK(outside.facts.lost == 0);
    if (!have_pid_namespaces()) return;
    t.pid1 = true;
    judged_probe const inside = controlled(t, "in-flight");
    CHECK(level(inside) == traces::severity::error);
    CHECK(inside.facts.lost == few);
}

TEST_CASE("the kernel discards the signal of a process 1 without a handler, and hands it to one with a handler") {
    if (!have_python() || !have_pid_namespaces()) return;
    target t = python_server("waits", {"none"});
    t.pid1 = true;
    t.grace_ms = 1'500;
    judged_probe const deaf = controlled(t, "silent");
    CHECK(deaf.rules == std::vector<std::string>{"pid1-ignores-signal"});
    target handles = python_server("waits");
    handles.pid1 = true;
    CHECK(controlled(handles, "in-flight").verdict == verdict::clean);
}

TEST_CASE("a signal reaches the first process, its group, or every process, as the target says") {
    if (!have_python()) return;
    for (auto const to : {target::receivers::first, target::receivers::group, target::receivers::all}) {
        target t = wrapped("forwards");
        t.signal_to = to;
        judged_probe const p = controlled(t, "in-flight");
        auto const signals = std::ranges::count_if(p.trace.events, [](traces::event const& e) {
            return e.what == traces::kind::process_signal && e.text("signal") == "SIGTERM";
        });
        CHECK(signals == (to == target::receivers::first ? 1 : 2));
        CHECK(p.facts.lost == 0);
    }
}

TEST_CASE("a stop that a server forgets while it starts is lost, and one that it remembers is not") {
    if (!have_python()) return;
    target t = python_server("starts", {"forgets"});
    t.grace_ms = 3'000;
    judged_probe const lost = controlled(t, "startup");
    CHECK(lost.rules == std::vector<std::string>{"stop-lost-at-startup"});
    t.command[3] = "honors";
    CHECK(controlled(t, "startup").verdict == verdict::clean);
    t.command[3] = "hangs";
    judged_probe const hangs = controlled(t, "startup");
    CHECK(hangs.breaks("killed-after-grace"));
    CHECK_FALSE(hangs.breaks("stop-lost-at-startup"));
}

TEST_CASE("the trace of a stop while the server starts names each moment, and why the server was not stopped at one") {
    if (!have_python()) return;
    target t = python_server("starts", {"honors"});
    t.grace_ms = 3'000;
    auto const moments = moments_of_start(controlled(t, "startup").trace);
    auto const why_not = [&](std::string_view when) {
        auto const it = std::ranges::find(moments, when, &tried_moment::when);
        return it == moments.end() ? "not named" : it->why_not;
    };
    CHECK(why_not("right after exec") == "");
    CHECK(why_not("at its first line of output") == "");
    CHECK(why_not("when it had forked a process") != "not named");
    t.command[3] = "forgets";
    auto const until_violated = moments_of_start(controlled(t, "startup").trace);
    CHECK(until_violated.size() == moments.size());
    CHECK(until_violated.back().why_not == "an earlier one is violated");
}

TEST_CASE("a stop waits for clients when it ends sooner or later with them, and their leaving ends it") {
    if (!have_python()) return;
    for (char const* const period : {"0.05", "1"}) {
        INFO(period);
        judged_probe const p = controlled(python_server("stops", {"polls", period}), "silent");
        CHECK(p.rules == std::vector<std::string>{"silent-connection-blocks-stop"});
        CHECK_FALSE(p.facts.killed);
    }
}

TEST_CASE("a stop that takes long because of clients, and does not end with them, is not blamed on them") {
    if (!have_python()) return;
    judged_probe const p = controlled(python_server("stops", {"counts", "1.5"}), "silent");
    CHECK(p.rules.empty());
    CHECK(p.verdict == verdict::inconclusive);
    CHECK_THAT(p.facts.note, ContainsSubstring("what it waited for is not known"));
}

TEST_CASE("a stop that takes more than two seconds with no client is told as that") {
    if (!have_python()) return;
    judged_probe const p = controlled(python_server("stops", {"always", "2.3"}), "idle");
    CHECK(p.rules == std::vector<std::string>{"full-delay-without-work"});
    CHECK(p.verdict == verdict::clean);
}
