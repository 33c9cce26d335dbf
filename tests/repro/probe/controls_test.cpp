// What a target does without a client, and answers without a stop, and that probes are judged by comparison with it.
#include "repro/probe/controls.hpp"
#include "repro/process/private_folder.hpp"
#include "tests/catch.hpp"
#include "tests/repro/probe/python_servers.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using namespace shutdown_repro::tests;
using traces::millisecond;
using traces::verdict;

namespace {

struct compared {
    target_controls controls;
    std::string not_judged;
    judged_probe probe;
};

// Measures the controls of one probe, and runs it if it can be judged.
compared compare(target const& t, std::string const& probe) {
    compared c{measure_controls(t, {&probe, 1}), {}, {}};
    CHECK(nobody_left());
    c.not_judged = why_not_judged(c.controls, t, probe);
    for (url_control const& u : c.controls.urls) UNSCOPED_INFO(u.asked.path << ": " << u.told);
    UNSCOPED_INFO(c.not_judged << ", at rest " << c.controls.at_rest.took / millisecond << " ms "
                               << c.controls.at_rest.ended << c.controls.at_rest.trouble);
    if (!c.not_judged.empty()) return c;
    c.probe = judged(run_probe(t, probe, {.connections = few, .controls = &c.controls}));
    std::string all = c.probe.facts.note + "\n";
    for (std::string const& m : c.probe.messages) all += m + "\n";
    UNSCOPED_INFO(all);
    return c;
}

bool names_a_holder(judged_probe const& p) {
    return p.breaks("idle-connection-blocks-stop") || p.breaks("silent-connection-blocks-stop") ||
        p.breaks("stream-blocks-stop") || p.breaks("drain-starved");
}

} // namespace

TEST_CASE("an idle connection blocks a server that looks rarely whether its connections are gone") {
    if (!have_python()) return;
    compared const c = compare(python_server("stops", {"polls", "1"}), "idle");
    CHECK(c.probe.breaks("idle-connection-blocks-stop"));
    CHECK(c.controls.at_rest.ended == "status 0");
    // It exits after 3 s whenever its connections end: what it waits for can't be shown.
    CHECK(compare(python_server("stops", {"polls", "3"}), "idle").probe.verdict != verdict::clean);
}

TEST_CASE("a stop that takes its time without a client is blamed on no client") {
    if (!have_python()) return;
    for (char const* const probe : {"idle", "silent", "traffic"})
        for (char const* const how : {"always", "drain"}) {
            INFO(probe << " " << how);
            compared const c = compare(python_server("stops", {how, "1.5"}), probe);
            CHECK(c.controls.at_rest.took >= 1'500 * millisecond);
            CHECK_FALSE(names_a_holder(c.probe));
        }
}

TEST_CASE("no client is blamed when a server notices the stop only if something wakes it, or after a time") {
    if (!have_python()) return;
    // The first stops at rest are short by chance. The clients that leave wake the server.
    for (char const* const short_ones : {"1", "2"}) {
        INFO(short_ones);
        private_folder const folder;
        target const t = python_server("stops", {"wakes", "0.9", short_ones, folder.file("starts")});
        compared const c = compare(t, "idle");
        CHECK_FALSE(names_a_holder(c.probe));
    }
}

TEST_CASE("an execution in which this program did not run for a time is inconclusive, and blames no client") {
    if (!have_python()) return;
    for (char const* const probe : {"idle", "silent", "answered"}) {
        compared const c = compare(python_server("stops", {"freezes", "0.6"}), probe);
        CHECK(c.probe.verdict == verdict::inconclusive);
        CHECK_THAT(c.controls.at_rest.trouble, ContainsSubstring("did not run for"));
        CHECK_THAT(c.probe.facts.note, ContainsSubstring("did not run for"));
        CHECK_FALSE(names_a_holder(c.probe));
    }
}

TEST_CASE("a server that never stops is killed after the grace, whoever is connected, and nobody is blamed") {
    if (!have_python()) return;
    for (char const* const probe : {"idle", "silent", "traffic"}) {
        target t = python_server("stops", {"never"});
        t.grace_ms = 1'500;
        compared const c = compare(t, probe);
        INFO(probe);
        CHECK(c.controls.at_rest.killed);
        CHECK(c.probe.breaks("killed-after-grace"));
        CHECK_FALSE(names_a_holder(c.probe));
    }
}

TEST_CASE("a request that was sent before the stop is answered when its answer is that without a stop") {
    if (!have_python()) return;
    for (char const* const how : {"well", "time", "whole"}) {
        INFO(how);
        compared const c = compare(python_server("answers", {how}), "in-flight");
        CHECK(c.probe.verdict == verdict::clean);
        CHECK(c.probe.facts.answered == few);
    }
    for (char const* const how : {"fails", "shortens", "changes"}) {
        INFO(how);
        compared const c = compare(python_server("answers", {how}), "in-flight");
        CHECK(c.probe.breaks("response-error-at-stop"));
    }
}

TEST_CASE("a response that ends with its connection is cut when it is shorter than without a stop") {
    if (!have_python()) return;
    CHECK(compare(python_server("answers", {"cut"}), "in-flight").probe.breaks("response-short-framed"));
    compared const c = compare(python_server("answers", {"cut-differs"}), "in-flight");
    CHECK(c.probe.verdict != verdict::clean);
}

TEST_CASE("answers that are errors as well as a second signal that was never sent are told") {
    if (!have_python()) return;
    compared const c = compare(python_server("hurries"), "second-signal");
    CHECK(c.probe.breaks("response-error-at-stop"));
    CHECK_THAT(c.probe.facts.note, ContainsSubstring("the second signal was never sent"));
}

TEST_CASE("a probe is not run when what it asks for is no good without a stop, and the reason is told") {
    if (!have_python()) return;
    auto const why = [](target const& t, std::string const& probe) {
        std::string const reason = why_not_judged(measure_controls(t, {&probe, 1}), t, probe);
        CHECK(nobody_left());
        return reason;
    };
    CHECK_THAT(why(python_server("answers", {"missing"}), "in-flight"),
        ContainsSubstring("/slow answers 404 even when the server is not being stopped"));
    CHECK_THAT(why(python_server("answers", {"always-500"}), "in-flight"), ContainsSubstring("answers 500 even"));
    CHECK_THAT(why(python_server("speaks", {"echo"}), "half-request"), ContainsSubstring("not HTTP: \"echo GET"));
    CHECK_THAT(why(python_server("speaks", {"tls"}), "backlog-burst"), ContainsSubstring("speaks TLS"));
    CHECK_THAT(why(python_server("speaks", {"alert"}), "backlog-burst"), ContainsSubstring("speaks TLS"));
    CHECK_THAT(why(python_server("speaks", {"http2"}), "in-flight"), ContainsSubstring("speaks HTTP/2"));
    CHECK_THAT(why(python_server("listens", {"::1"}), "idle"), ContainsSubstring("listens on [::1]:"));
}

TEST_CASE("an interim response without a final one does not keep a probe from being run") {
    if (!have_python()) return;
    compared const c = compare(python_server("interim", {"102"}), "in-flight");
    CHECK(c.not_judged.empty());
    CHECK(c.probe.facts.lost == few);
    CHECK(c.probe.verdict == verdict::violated);
}
