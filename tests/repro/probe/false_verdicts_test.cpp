// Servers that were once called clean and are not, or violated and are right, with others of the same classes.
#include "tests/catch.hpp"
#include "tests/repro/probe/python_servers.hpp"
#include "traces/rules/stderr_text.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using namespace shutdown_repro::tests;
using traces::verdict;

TEST_CASE("an interim response is not an answer: requests that get nothing else are lost") {
    if (!have_python()) return;
    judged_probe const p = probed(python_server("interim", {"102"}), "in-flight");
    CHECK(p.facts.lost == few);
    CHECK(p.facts.answered == 0);
    CHECK((p.breaks("connection-reset-inflight") || p.breaks("response-truncated")));
    judged_probe const cut = probed(python_server("interim", {"cut"}), "in-flight");
    CHECK(cut.facts.lost == few);
    CHECK(cut.breaks("response-truncated"));
}

TEST_CASE("a final response after interim ones is an answer, and a request is in flight until it comes") {
    if (!have_python()) return;
    for (char const* const how : {"103", "split"}) {
        judged_probe const p = probed(python_server("interim", {how}), "in-flight");
        CHECK(p.verdict == verdict::clean);
        CHECK(p.facts.answered == few);
    }
}

TEST_CASE("what a server writes is judged alike after a short log and after a long one, on a line of any length") {
    if (!have_python()) return;
    for (std::vector<std::string> const& how : std::vector<std::vector<std::string>>{{"lines", "0"}, {"lines", "6000"},
             {"stdout", "6000"}, {"line", "100"}, {"line", "4090"}, {"line", "70000"}, {"line", "65530"}}) {
        judged_probe const p = probed(python_server("says", how), "silent");
        INFO(how[0] << " " << how[1]);
        CHECK(std::ranges::any_of(p.trace.events,
            [](traces::event const& e) { return !traces::sanitizer_reports_in(e.text("text")).empty(); }));
        CHECK(p.facts.said.size() < 1'000'000);
        CHECK(p.breaks("crash-on-stop"));
    }
}

TEST_CASE("what a process wrote before its end comes before it in the trace, though both are seen at once") {
    if (!have_python()) return;
    for (char const* const who : {"frozen", "worker"}) {
        judged_probe const p = probed(python_server("says", {who, "600"}), "silent");
        INFO(who);
        if (p.facts.note.find("is not known") != std::string::npos) continue; // the kernel does not tell it
        auto const at = [&](auto const& is) { return std::ranges::find_if(p.trace.events, is); };
        auto const report =
            at([](traces::event const& e) { return !traces::sanitizer_reports_in(e.text("text")).empty(); });
        auto const exit = at(
            [](traces::event const& e) { return e.what == traces::kind::process_exit && e.integer("status") == 23; });
        REQUIRE(report != p.trace.events.end());
        REQUIRE(exit != p.trace.events.end());
        CHECK(report < exit);
        CHECK(p.breaks("crash-on-stop"));
    }
}

TEST_CASE("the crash of a worker that its parent reaps is seen") {
    if (!have_python()) return;
    for (std::string const signal : {"SIGSEGV", "SIGABRT"})
        for (std::string const how : {"", "ignores-"}) {
            INFO(how + signal);
            judged_probe const p = probed(python_server("workers", {how + signal}), "in-flight");
            CHECK(p.verdict != verdict::clean);
            if (p.facts.note.find("is not known") != std::string::npos) continue; // the kernel does not tell it
            REQUIRE(p.breaks("crash-on-stop"));
            CHECK_THAT(p.messages[0], ContainsSubstring(", forked by ") && ContainsSubstring("died of " + signal));
            CHECK(p.facts.end == "status 0");
        }
}

TEST_CASE("a worker that ends well after its stop is no crash, and how it ended is in the trace") {
    if (!have_python()) return;
    judged_probe const p = probed(python_server("workers", {"well"}), "in-flight");
    if (p.facts.note.find("is not known") != std::string::npos) return;
    CHECK(p.verdict == verdict::clean);
    for (traces::event const& e : p.trace.events)
        if (e.what == traces::kind::process_exit) CHECK((e.find("status") || e.find("signal")));
}

TEST_CASE(
    "the crash of a process that lives too briefly to be seen in the process table is seen where events tell it") {
    if (!have_python()) return;
    judged_probe const p = probed(python_server("workers", {"brief-SIGSEGV"}), "in-flight");
    if (!p.breaks("crash-on-stop")) return tests::skip("this kernel does not tell of all processes");
    CHECK_THAT(p.messages[0], ContainsSubstring("died of SIGSEGV"));
}

TEST_CASE("each probe is inconclusive when no connection stood before the stop, and says where the server listens") {
    if (!have_python()) return;
    for (probe_info const& probe : all_probes()) {
        if (probe.name == "startup" || probe.name == "drain-delay") continue; // they have no client before the stop
        target t = python_server("listens", {"::1"});
        t.stream.path = "/stream";
        t.upload.path = t.large.path = "/";
        judged_probe const p = probed(t, probe.name);
        INFO(probe.name);
        CHECK(p.verdict == verdict::inconclusive);
        CHECK_THAT(p.facts.note, ContainsSubstring("refused; the server listens on [::1]:"));
    }
}

TEST_CASE("a second signal that is never sent is inconclusive") {
    if (!have_python()) return;
    judged_probe const p = probed(python_server("hurries"), "second-signal");
    CHECK(p.verdict != verdict::clean);
    CHECK_THAT(p.facts.note, ContainsSubstring("the second signal was never sent, because the server had exited"));
}

TEST_CASE("half of a request whose rest is never sent is inconclusive") {
    if (!have_python()) return;
    judged_probe const p = probed(python_server("leaves"), "half-request");
    CHECK(p.verdict != verdict::clean);
    CHECK_THAT(p.facts.note, ContainsSubstring("the rest of the head was never sent"));
}

TEST_CASE("responses that are unusual and valid are read") {
    if (!have_python()) return;
    for (char const* const how : {"plain", "long", "many", "no-reason", "lf", "utf8", "http10"}) {
        INFO(how);
        judged_probe const p = probed(python_server("heads", {how}), "in-flight");
        CHECK(p.verdict == verdict::clean);
        CHECK(p.facts.answered == few);
    }
}

TEST_CASE("a response that can't be read is inconclusive, and what it was is said") {
    if (!have_python()) return;
    std::pair<char const*, char const*> const all[] = {{"too-long", "its head is longer than 256 KiB"},
        {"no-field", "a line of its head is not a field"}, {"no-status", "its status line is not valid"}};
    for (auto const& [how, why] : all) {
        judged_probe const p = probed(python_server("heads", {how}), "in-flight");
        CHECK(p.verdict == verdict::inconclusive);
        CHECK_THAT(p.facts.note, ContainsSubstring("a response can't be read: " + std::string(why)));
    }
}

TEST_CASE("a stop signal that is blocked and waited for is handled") {
    if (!have_python()) return;
    for (char const* const how : {"sigwait", "signalfd", "part", "one-thread"}) {
        INFO(how);
        judged_probe const p = probed(python_server("signals", {how}), "in-flight");
        CHECK(p.verdict == verdict::clean);
        CHECK(p.facts.answered == few);
    }
}

TEST_CASE("a stop signal that is blocked and not waited for is not handled") {
    if (!have_python()) return;
    target t = python_server("signals", {"never"});
    t.grace_ms = 700;
    CHECK(probed(t, "silent").breaks("stop-signal-unhandled"));
}
