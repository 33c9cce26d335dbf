// Real servers, as Debian has them, across acts other than a stop: what they do was measured, and is what is expected
// here.
#include "repro/probe/controls.hpp"
#include "tests/catch.hpp"
#include "tests/repro/probe/installed.hpp"
#include "tests/repro/probe/python_servers.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using namespace shutdown_repro::tests;

namespace {

constexpr std::string_view lost = "connection-reset-inflight";

// The act takes effect as often as it is done, and breaks no rule but `may`.
void check_act(std::string const& name, act_kind act, std::vector<std::string_view> const& may = {}) {
    if (!installed(name)) return;
    target t = load_target(name);
    choose_act(t, name_of(act));
    std::string const probe = "traffic";
    target_controls controls = measure_controls(t, {&probe, 1});
    judged_probe const p =
        judged(when_not_busy([&] { return run_probe(t, probe, {.connections = few, .controls = &controls}); }));
    std::string all = p.facts.note + "\n";
    for (std::string const& m : p.messages) all += m + "\n";
    INFO(name << ": " << all << p.facts.said);
    CHECK(nobody_left());
    CHECK(p.facts.note.empty());
    CHECK(std::ranges::count(p.trace.events, traces::kind::act_effect, &traces::event::what) == t.act.times);
    for (std::string const& rule : p.rules) {
        INFO(rule);
        CHECK(std::ranges::count(may, rule) > 0);
    }
}

} // namespace

TEST_CASE("nginx replaces its workers on SIGHUP without a lost request") { check_act("nginx", act_kind::reload); }

TEST_CASE("nginx executes its program anew on SIGUSR2 and hands its sockets over, without a lost request") {
    check_act("nginx-upgrade", act_kind::upgrade);
}

TEST_CASE("apache2 replaces its processes on SIGUSR1 without a lost request") {
    check_act("apache2", act_kind::reload);
}

TEST_CASE("the master of haproxy executes itself and starts a new worker on SIGUSR2, without a lost request") {
    check_act("haproxy-master", act_kind::reload);
}

TEST_CASE("gunicorn refuses no connection when it reloads or upgrades, but its threads lose requests of kept ones") {
    check_act("gunicorn", act_kind::reload, {lost});
    check_act("gunicorn", act_kind::upgrade, {lost});
}

TEST_CASE("puma refuses no connection in a phased restart, but closes new ones before it has read their request") {
    check_act("puma", act_kind::reload, {lost});
}

TEST_CASE("uwsgi refuses no connection when it reloads, but loses requests of kept ones") {
    // A kept connection that no worker reads any more is reset when its old worker ends; on a slow machine that can be
    // later than the grace.
    check_act("uwsgi", act_kind::reload, {lost, "unanswered-after-reload"});
    check_act("uwsgi-graceful", act_kind::reload, {lost, "unanswered-after-reload"});
}

TEST_CASE("uwsgi loses the requests in flight on SIGTERM with die-on-term, and answers them with a graceful hook") {
    if (!installed("uwsgi")) return;
    constexpr std::uint32_t connections = 6;
    CHECK(probed(load_target("uwsgi"), "in-flight", connections).facts.lost == connections);
    CHECK(probed(load_target("uwsgi-graceful"), "in-flight", connections).facts.answered == connections);
}
