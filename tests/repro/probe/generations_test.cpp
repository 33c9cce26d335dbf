// Upgrades and successors on real processes: which generation serves, and what is lost between the two.
#include "tests/catch.hpp"
#include "tests/repro/probe/python_servers.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using namespace shutdown_repro::tests;
using traces::verdict;

namespace {

using rule_names = std::vector<std::string>;

target with_act(std::string const& server, std::string const& how, act_kind act) {
    target t = python_server(server, {how});
    t.ready.log = "^ready";
    t.act = default_act(act);
    t.grace_ms = 5'000;
    return t;
}

bool only_breaks(judged_probe const& p, std::string_view rule) {
    return !p.rules.empty() && std::ranges::count(p.rules, rule) == std::ssize(p.rules);
}

target upgrading(std::string const& how) { return with_act("upgrades", how, act_kind::upgrade); }

target succeeding(std::string const& how) {
    target t = with_act("succeeds", how, act_kind::successor);
    if (how.starts_with("path")) t.unix_path = t.command[2] = "{folder}/app.sock";
    if (how.starts_with("fds")) t.act.listen_fds = true;
    return t;
}

} // namespace

// ---- an upgrade by exec: the process stays, its program is new

TEST_CASE("an upgrade by exec in one process is seen by what it executes and by what that accepts, and loses nothing") {
    if (!have_python()) return;
    judged_probe const p = acted(upgrading("awaits"));
    CHECK(p.verdict == verdict::clean);
    CHECK(effect_of(p) == "exec");
}

TEST_CASE("the requests of the old program are lost when it executes the new one at once") {
    if (!have_python()) return;
    judged_probe const p = acted(upgrading("drops"));
    CHECK(only_breaks(p, "connection-reset-inflight"));
    CHECK(effect_of(p) == "exec");
}

TEST_CASE("an exec that fails is an upgrade without effect, whether the old program goes on or the new one exits") {
    if (!have_python()) return;
    target t = upgrading("missing");
    t.ready.within_ms = 2'500;
    judged_probe const missing = acted(t);
    CHECK(missing.rules == rule_names{"reload-without-effect"});
    CHECK(effect_of(missing).empty());
    judged_probe const broken = acted(upgrading("broken"));
    CHECK(broken.breaks("reload-without-effect"));
    CHECK(effect_of(broken).empty());
}

// ---- an upgrade with a child: the first process is told to go when the child serves

TEST_CASE("what follows an upgrade is told when the child serves, and then the first process exits") {
    if (!have_python()) return;
    target t = upgrading("child");
    t.act.then = server_order{};
    judged_probe const p = acted(t);
    CHECK(p.verdict == verdict::clean);
    CHECK(effect_of(p) == "processes");
    CHECK(p.facts.end == "status 0");
}

TEST_CASE("a first process that exits at once after an upgrade loses its requests, and one that stays is stuck") {
    if (!have_python()) return;
    target t = upgrading("child-drops");
    t.act.then = server_order{};
    CHECK(only_breaks(acted(t), "connection-reset-inflight"));
    t = upgrading("child-stuck");
    t.act.then = server_order{};
    t.grace_ms = 2'000;
    CHECK(acted(t).rules == rule_names{"old-generation-stuck"});
}

TEST_CASE(
    "a child that has the socket but fails before it serves is an upgrade without effect, and the old one stays") {
    if (!have_python()) return;
    target t = upgrading("child-fails");
    t.act.then = server_order{};
    t.ready.within_ms = 3'000;
    judged_probe const p = acted(t);
    CHECK(p.rules == rule_names{"reload-without-effect"});
    CHECK(std::ranges::none_of(p.trace.events, [](traces::event const& e) {
        return e.what == traces::kind::process_signal && e.text("signal") == "SIGTERM";
    }));
}

// ---- a successor: by a Unix path, by SO_REUSEPORT, by a socket that both get

TEST_CASE("a successor that renames its socket to the Unix path takes over without a refused connection") {
    if (!have_python()) return;
    judged_probe const p = acted(succeeding("path"));
    CHECK(p.verdict == verdict::clean);
    CHECK(effect_of(p) == "successor");
}

TEST_CASE("a first instance that removes the path makes its successor unreachable") {
    if (!have_python()) return;
    CHECK(acted(succeeding("path-removed")).rules == rule_names{"unix-path-removed"});
}

TEST_CASE("a successor that unlinks the path before it can listen refuses connections") {
    if (!have_python()) return;
    CHECK(acted(succeeding("path-late")).rules == rule_names{"refused-during-reload"});
}

TEST_CASE("a successor that can't start is seen to exit, with its reason") {
    if (!have_python()) return;
    judged_probe const p = acted(succeeding("path-busy"));
    CHECK(p.rules == rule_names{"reload-without-effect"});
    REQUIRE(p.messages.size() == 1);
    CHECK_THAT(p.messages.front(), ContainsSubstring("the second instance exited before it served: OSError"));
}

TEST_CASE("a successor by SO_REUSEPORT that gets all new connections loses none, and a queue that is closed is reset") {
    if (!have_python()) return;
    CHECK(acted(succeeding("port")).verdict == verdict::clean);
    judged_probe const p = acted(succeeding("port-queue"));
    // Some are reset before their clients have sent anything.
    CHECK((p.breaks("backlog-reset") || p.breaks("refused-during-reload")));
    CHECK_FALSE(p.breaks("connection-reset-inflight"));
}

TEST_CASE("both instances get the listening socket, and the first one awaits its requests") {
    if (!have_python()) return;
    CHECK(acted(succeeding("fds")).verdict == verdict::clean);
    CHECK(only_breaks(acted(succeeding("fds-drops")), "connection-reset-inflight"));
}

TEST_CASE("a socket that was handed over listens from the beginning, so a server is ready when it has answered") {
    if (!have_python()) return;
    target t = succeeding("fds");
    t.ready.log.clear();
    judged_probe const p = acted(t);
    CHECK(p.verdict == verdict::clean);
    auto const ready = std::ranges::find(p.trace.events, traces::kind::process_ready, &traces::event::what);
    auto const answered = std::ranges::find(p.trace.events, traces::kind::client_done, &traces::event::what);
    REQUIRE(ready != p.trace.events.end());
    CHECK(answered < ready);
}

TEST_CASE("a first instance that shuts the shared socket down ends it for its successor, too") {
    if (!have_python()) return;
    CHECK(acted(succeeding("fds-shutdown")).breaks("refused-during-reload"));
}

TEST_CASE("both instances get a socket on a Unix path, which neither of them removes") {
    if (!have_python()) return;
    target t = succeeding("fds");
    t.unix_path = "{folder}/app.sock";
    CHECK(acted(t).verdict == verdict::clean);
}
