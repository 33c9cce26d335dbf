// Real servers, as Debian has them, around their stop: what they do was measured, and is what is expected here.
#include "tests/catch.hpp"
#include "tests/repro/probe/installed.hpp"
#include "tests/repro/probe/probe_tools.hpp"

using namespace shutdown_repro;
using tests::installed;
using namespace shutdown_repro::repro;

namespace {

constexpr int connections = 6;

struct probed {
    traces::trace trace;
    probe_facts facts;
};

probed probe(std::string const& name, std::string_view what, std::int64_t grace_ms = 5'000) {
    target t = load_target(name);
    t.grace_ms = grace_ms;
    probed p{when_not_busy([&] { return run_probe(t, what, {.connections = connections}); }), {}};
    p.facts = facts_of(p.trace);
    UNSCOPED_INFO(name << " " << what << ": " << p.facts.answered << " answered, " << p.facts.lost << " lost, "
                       << p.facts.end << " " << p.facts.note << "\n"
                       << p.facts.said);
    CHECK(nobody_left());
    CHECK(p.facts.stopped);
    CHECK(p.facts.note.empty());
    CHECK_FALSE(p.facts.orphan);
    CHECK_FALSE(p.facts.listening);
    return p;
}

void check_answers_all(std::string const& name, std::string_view what) {
    probed const p = probe(name, what);
    CHECK(p.facts.answered == connections);
    CHECK(p.facts.lost == 0);
    CHECK(p.facts.end == "status 0");
    CHECK_FALSE(p.facts.killed);
}

void check_loses_all(std::string const& name, std::string_view what, std::string const& end) {
    probed const p = probe(name, what);
    CHECK(p.facts.answered == 0);
    CHECK(p.facts.lost == connections);
    CHECK(p.facts.end == end);
    CHECK_FALSE(p.facts.killed);
}

// Puma ends itself by the signal that it was sent, which its preset says.
void check_ends(std::string const& name, std::string_view what) {
    probed const p = probe(name, what);
    CHECK(p.facts.end == (name == "puma" ? "SIGTERM" : "status 0"));
    CHECK_FALSE(p.facts.killed);
}

void check_is_held(std::string const& name, std::string_view what) {
    probed const p = probe(name, what, 700);
    CHECK(p.facts.killed);
    CHECK(p.facts.left_open == connections);
    CHECK(breaks(p.trace, std::string(what) + "-connection-blocks-stop"));
}

// Since version 19 the server's close() ends idle connections too.
void check_idle_of_node() {
    int const major = std::stoi(tests::tried_version("node").value_or("0"));
    major < 19 ? check_is_held("node", "idle") : check_ends("node", "idle");
}

} // namespace

TEST_CASE(
    "nginx answers the requests in flight on SIGQUIT, loses all of them on SIGTERM, and exits with 0 both times") {
    if (!installed("nginx")) return;
    check_answers_all("nginx", "in-flight");
    check_loses_all("nginx", "wrong-signal", "status 0");
}

TEST_CASE("nginx closes idle connections when it stops, and waits for silent ones") {
    if (!installed("nginx")) return;
    check_ends("nginx", "idle");
    check_is_held("nginx", "silent");
}

TEST_CASE("node answers the requests in flight on SIGTERM when the program calls close, and dies of any other signal") {
    if (!installed("node")) return;
    check_answers_all("node", "in-flight");
    check_loses_all("node", "wrong-signal", "SIGINT");
}

TEST_CASE("node waits for silent connections when it stops, and closes idle ones since version 19") {
    if (!installed("node")) return;
    check_idle_of_node();
    check_is_held("node", "silent");
}

TEST_CASE("aiohttp answers the requests in flight on SIGTERM, and dies of a signal that it does not handle") {
    if (!installed("aiohttp")) return;
    check_answers_all("aiohttp", "in-flight");
    check_loses_all("aiohttp", "wrong-signal", "SIGQUIT");
}

TEST_CASE("neither idle nor silent connections delay the stop of aiohttp") {
    if (!installed("aiohttp")) return;
    check_ends("aiohttp", "idle");
    check_ends("aiohttp", "silent");
}

TEST_CASE(
    "Mojolicious as a daemon has no graceful stop: each signal loses the requests in flight, and it exits with 0") {
    if (!installed("mojolicious")) return;
    check_loses_all("mojolicious", "in-flight", "status 0");
    check_loses_all("mojolicious", "wrong-signal", "status 0");
}

TEST_CASE("neither idle nor silent connections delay the stop of Mojolicious as a daemon") {
    if (!installed("mojolicious")) return;
    check_ends("mojolicious", "idle");
    check_ends("mojolicious", "silent");
}

TEST_CASE("each preset starts the server that it is for and stops it in its way, and idle clients hold only "
          "Mojolicious' prefork, uWSGI's graceful stop and node before version 19") {
    for (target const& t : preset_targets()) {
        if (t.program || !installed(t.name)) continue;
        INFO(t.name);
        if (t.name == "node") check_idle_of_node();
        else if (t.name == "mojolicious-prefork" || t.name == "uwsgi-graceful") check_is_held(t.name, "idle");
        else check_ends(t.name, "idle");
    }
}
