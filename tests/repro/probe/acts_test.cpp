// Acts other than a stop on real processes: small servers in Python that differ in one fault.
#include <csignal>
#include <unistd.h>
#include "tests/catch.hpp"
#include "tests/repro/probe/python_servers.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using namespace shutdown_repro::tests;
using traces::verdict;

namespace {

target reloading(std::string const& how) {
    target t = python_server("reloads", {how});
    t.ready.log = "^ready";
    t.act = default_act(act_kind::reload);
    t.grace_ms = 5'000;
    return t;
}

server_order by_command(std::vector<std::string> command) {
    server_order order;
    order.by = stop_method::command;
    order.command = std::move(command);
    return order;
}

server_order by_request(server_request request) {
    server_order order;
    order.by = stop_method::http;
    order.http = std::move(request);
    return order;
}

bool has(judged_probe const& p, traces::kind what) {
    return std::ranges::any_of(p.trace.events, [&](auto const& e) { return e.what == what; });
}

} // namespace

TEST_CASE("a reload that replaces a worker and loses nothing is clean, as often as it is done") {
    if (!have_python()) return;
    target t = reloading("workers");
    t.act.times = 3;
    judged_probe const p = acted(t);
    CHECK(p.rules == std::vector<std::string>{});
    CHECK(p.verdict == verdict::clean);
    CHECK(std::ranges::count(p.trace.events, traces::kind::act_effect, &traces::event::what) == 3);
}

TEST_CASE("requests that an old worker drops at a reload are lost") {
    if (!have_python()) return;
    judged_probe const p = acted(reloading("drops"));
    CHECK(p.breaks("connection-reset-inflight"));
    CHECK_FALSE(p.breaks("refused-during-reload"));
}

TEST_CASE("an old worker that outlives the grace after a reload is stuck") {
    if (!have_python()) return;
    target t = reloading("stuck");
    t.grace_ms = 1'500;
    judged_probe const p = acted(t);
    CHECK(p.rules == std::vector<std::string>{"old-generation-stuck"});
}

TEST_CASE("a server that closes its port to reload refuses connections") {
    if (!have_python()) return;
    judged_probe const p = acted(reloading("closes"));
    CHECK(p.breaks("refused-during-reload"));
    CHECK_FALSE(p.breaks("reload-without-effect"));
}

TEST_CASE("requests that a server accepts while it reloads and never answers are unanswered") {
    if (!have_python()) return;
    target t = reloading("forgets");
    t.act.answer = "/generation";
    t.grace_ms = 1'500;
    judged_probe const p = acted(t);
    CHECK(p.rules == std::vector<std::string>{"unanswered-after-reload"});
}

TEST_CASE("clients that wait for a response do not keep others from being refused") {
    if (!have_python()) return;
    target t = reloading("forgets-then-closes");
    t.grace_ms = 1'500;
    CHECK(acted(t).breaks("refused-during-reload"));
}

TEST_CASE("a reload without a visible effect is inconclusive, unless the target names an answer that shows it") {
    if (!have_python()) return;
    target t = reloading("quiet");
    t.ready.within_ms = 2'000;
    judged_probe const unseen = acted(t);
    CHECK(unseen.verdict == verdict::inconclusive);
    CHECK(unseen.facts.note.find("took effect can't be told") != std::string::npos);
    t.act.answer = "/generation";
    CHECK(acted(t).verdict == verdict::clean);
    t.act.answer = "/";
    CHECK(acted(t).rules == std::vector<std::string>{"reload-without-effect"});
}

TEST_CASE("a reload whose signal is ignored has no effect") {
    if (!have_python()) return;
    target t = reloading("nothing");
    t.ready.within_ms = 2'000;
    judged_probe const p = acted(t);
    CHECK(p.rules == std::vector<std::string>{"reload-without-effect"});
}

TEST_CASE("errors that are answered during a reload are not the answers of the control") {
    if (!have_python()) return;
    target t = reloading("errors");
    t.act.answer = "/generation";
    CHECK(acted(t).breaks("response-error-at-stop"));
}

TEST_CASE("traffic without any act is judged by the same rules, and what is fine is clean") {
    if (!have_python()) return;
    target t = reloading("quiet");
    t.act = default_act(act_kind::none);
    judged_probe const p = acted(t);
    CHECK(p.verdict == verdict::clean);
    CHECK(has(p, traces::kind::act_begin));
    CHECK_FALSE(p.facts.stopped);
}

TEST_CASE("a reload is told by a command or by a request, with its method and body") {
    if (!have_python()) return;
    target t = reloading("workers");
    t.act.order = by_command({"sh", "-c", "kill -HUP {pid}"});
    CHECK(acted(t).verdict == verdict::clean);
    t.act.order = by_request({.method = "POST", .path = "/reload", .body = "now"});
    judged_probe const p = acted(t);
    CHECK(p.verdict == verdict::clean);
    CHECK(effect_of(p) == "processes");
}

TEST_CASE("a reload of which the server did not learn is not judged, and the reason is told") {
    if (!have_python()) return;
    target t = reloading("workers");
    t.ready.within_ms = 2'000;
    t.act.order = by_command({"sh", "-c", "exit 3"});
    judged_probe p = acted(t);
    CHECK(p.verdict == verdict::inconclusive);
    CHECK_THAT(p.facts.note, ContainsSubstring("an order of the reload failed: the command ended with status 3"));
    t.act.order = by_request({.method = "POST", .path = "/reload"});
    p = acted(t);
    CHECK(p.verdict == verdict::inconclusive);
    CHECK_THAT(p.facts.note, ContainsSubstring("the request was answered with status 400"));
}

TEST_CASE("a reload goes to the receivers that the target names, and a worker dies of the signal of its master") {
    if (!have_python()) return;
    target t = reloading("workers");
    CHECK(acted(t).verdict == verdict::clean);
    for (auto const to : {target::receivers::group, target::receivers::all}) {
        t.signal_to = to;
        judged_probe const p = acted(t);
        CHECK(p.breaks("connection-reset-inflight"));
        CHECK(std::ranges::count_if(p.trace.events, [to](traces::event const& e) {
            return e.what == traces::kind::process_signal && e.text("signal") == "SIGHUP" &&
                e.text("to") == word_of(to);
        }) >= 2);
    }
}

TEST_CASE("a reload reaches process 1 of a PID namespace that the command makes") {
    if (!have_python()) return;
    if (geteuid() != 0 || find_program("unshare").empty()) return tests::skip("unshare needs root");
    target t = reloading("workers");
    std::vector<std::string> const space{"unshare", "--fork", "--pid", "--propagation", "unchanged", "--mount-proc"};
    t.command.insert(t.command.begin(), space.begin(), space.end());
    t.signal_to = target::receivers::pid1;
    CHECK(acted(t).verdict == verdict::clean);
}
