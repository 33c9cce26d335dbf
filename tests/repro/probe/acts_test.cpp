// Acts other than a stop on real processes: small servers in Python that differ in one fault.
#include <csignal>
#include "repro/probe/controls.hpp"
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

judged_probe reloaded(target const& t, std::string_view probe = "traffic") {
    std::string const name(probe);
    target_controls const controls = measure_controls(t, {&name, 1});
    judged_probe p = judged(run_probe(t, probe, {.connections = few, .controls = &controls}));
    CHECK(nobody_left());
    std::string all = p.facts.note + "\n";
    for (std::string const& m : p.messages) all += m + "\n";
    UNSCOPED_INFO(t.command.back() << ": " << all);
    return p;
}

bool has(judged_probe const& p, traces::kind what) {
    return std::ranges::any_of(p.trace.events, [&](auto const& e) { return e.what == what; });
}

} // namespace

TEST_CASE("a reload that replaces a worker and loses nothing is clean, as often as it is done") {
    if (!have_python()) return;
    target t = reloading("workers");
    t.act.times = 3;
    judged_probe const p = reloaded(t);
    CHECK(p.rules == std::vector<std::string>{});
    CHECK(p.verdict == verdict::clean);
    CHECK(std::ranges::count(p.trace.events, traces::kind::act_effect, &traces::event::what) == 3);
}

TEST_CASE("requests that an old worker drops at a reload are lost") {
    if (!have_python()) return;
    judged_probe const p = reloaded(reloading("drops"));
    CHECK(p.breaks("connection-reset-inflight"));
    CHECK_FALSE(p.breaks("refused-during-reload"));
}

TEST_CASE("an old worker that outlives the grace after a reload is stuck") {
    if (!have_python()) return;
    target t = reloading("stuck");
    t.grace_ms = 1'500;
    judged_probe const p = reloaded(t);
    CHECK(p.rules == std::vector<std::string>{"old-generation-stuck"});
}

TEST_CASE("a server that closes its port to reload refuses connections") {
    if (!have_python()) return;
    judged_probe const p = reloaded(reloading("closes"));
    CHECK(p.breaks("refused-during-reload"));
    CHECK_FALSE(p.breaks("reload-without-effect"));
}

TEST_CASE("a reload without a visible effect is inconclusive, unless the target names an answer that shows it") {
    if (!have_python()) return;
    target t = reloading("quiet");
    t.ready.within_ms = 2'000;
    judged_probe const unseen = reloaded(t);
    CHECK(unseen.verdict == verdict::inconclusive);
    CHECK(unseen.facts.note.find("took effect can't be told") != std::string::npos);
    t.act.answer = "/generation";
    CHECK(reloaded(t).verdict == verdict::clean);
    t.act.answer = "/";
    CHECK(reloaded(t).rules == std::vector<std::string>{"reload-without-effect"});
}

TEST_CASE("a reload whose signal is ignored has no effect") {
    if (!have_python()) return;
    target t = reloading("nothing");
    t.ready.within_ms = 2'000;
    judged_probe const p = reloaded(t);
    CHECK(p.rules == std::vector<std::string>{"reload-without-effect"});
}

TEST_CASE("errors that are answered during a reload are not the answers of the control") {
    if (!have_python()) return;
    target t = reloading("errors");
    t.act.answer = "/generation";
    CHECK(reloaded(t).breaks("response-error-at-stop"));
}

TEST_CASE("traffic without any act is judged by the same rules, and what is fine is clean") {
    if (!have_python()) return;
    target t = reloading("quiet");
    t.act = default_act(act_kind::none);
    judged_probe const p = reloaded(t);
    CHECK(p.verdict == verdict::clean);
    CHECK(has(p, traces::kind::act_begin));
    CHECK_FALSE(p.facts.stopped);
}
