// Tests the statements of tests/data/trueasync.md about scopes, each on cells of its own. The program `conformance`
// runs the measured cells.
#include <map>
#include <set>
#include "repro/live/live.hpp"
#include "repro/sim/execute.hpp"
#include "server_under_test/worlds/words.hpp"
#include "tests/catch.hpp"
#include "traces/rules/judge.hpp"

using namespace shutdown_repro;
using traces::kind;

namespace {

struct observed_run {
    traces::verdict verdict;
    std::set<std::string> rules;
    std::map<std::string, std::vector<std::string>> lives; // by actor, the kinds in order
};

// Waiting and going on depend on which request happens to arrive first, and which tick it is on the time that passed;
// the rest of a life does not.
bool is_lifecycle(kind k, bool reactor) {
    std::string_view const name = traces::name_of(k);
    if (k == kind::coroutine_suspend || k == kind::coroutine_resume || k == kind::loop_tick) return false;
    for (char const* group : {"server.", "act.", "scope.", "coroutine.", "request.", "assert"})
        if (name.starts_with(group)) return true;
    if (!reactor) return false;
    for (char const* group : {"connection.", "stream.", "timer.", "loop.", "client."}) // its clients are in its process
        if (name.starts_with(group)) return true;
    return false;
}

observed_run look_at(traces::trace const& t, bool reactor) {
    std::map<traces::ref, std::string> names;
    observed_run s;
    for (traces::event const& e : t.events) {
        if (e.what == kind::scope_open || e.what == kind::coroutine_spawn) {
            names[e.id] = e.text("name");
            if (names[e.id].empty()) names[e.id] = traces::to_string(e.id_of("name"));
        }
        if (is_lifecycle(e.what, reactor))
            s.lives[names.count(e.id) ? names[e.id] : traces::to_string(e.id)].emplace_back(traces::name_of(e.what));
    }
    traces::judgement const judged = traces::judge(t);
    for (auto const& v : judged.violations) s.rules.insert(std::string(v.rule));
    s.verdict = judged.verdict;
    return s;
}

void expect_parity(repro::scenario const& s) {
    repro::follow in_order{repro::schedule{}};
    traces::trace simulated;
    repro::simulator().run(s, in_order, simulated);
    bool const reactor = s.kind() == server::server_kind::reactor;
    observed_run const sim = look_at(simulated, reactor),
                       live =
                           look_at(repro::run_live(s, {.server_path = SERVER_UNDER_TEST, .partial_path = {}}), reactor);
    CHECK(traces::name_of(sim.verdict) == traces::name_of(live.verdict));
    CHECK(sim.rules == live.rules);
    CHECK(sim.lives == live.lives);
}

} // namespace

TEST_CASE(
    "every built-in scenario under every policy has one verdict and one order of lifecycles, live and simulated") {
    for (repro::scenario s : repro::builtin_scenarios()) {
        if (s.kind() == server::server_kind::reactor) continue; // simulated only so far
        for (auto policy : {server::policy::as_reported, server::policy::upstream_fix, server::policy::drained}) {
            if (s.kind() != server::server_kind::scoped) continue;
            s.scoped().shutdown = policy;
            INFO(s.name << " " << server::name_of(policy));
            expect_parity(s);
        }
    }
}

TEST_CASE("handlers of every kind have the same lifecycle in both worlds, whoever owns the scope") {
    for (char const* act : {"forever", "throw_resume", "cleanup", "spawn", "spawn_on_cancel", "hook_park"})
        for (char const* owner : {"server", "extra"})
            for (char const* policy : {"upstream-fix", "drained"}) {
                repro::scenario s = repro::load_scenario("scope-disposal");
                for (auto const& [key, value] :
                    {std::pair{"handlers.2.act", act}, {"owner", owner}, {"policy", policy}, {"grace", "20"}})
                    repro::set_field(s, key, value);
                INFO(act << " " << owner << " " << policy);
                expect_parity(s);
            }
}

TEST_CASE("the reactor has the same lifecycle in both worlds under every policy, order and kind of stop") {
    for (std::string_view const policy : server::words<server::reactor_policy>())
        for (char const* order : {"client-first", "server-first"})
            for (char const* what : {"gs", "gsu", "gsn", "stop"}) {
                repro::scenario s = repro::load_scenario("quit-slow-request");
                for (auto const& [key, value] :
                    {std::pair<char const*, std::string_view>{"policy", policy}, {"order", order}, {"what", what},
                        {"when", "cb1"}, {"handler", "imm"}, {"timer_after", "100"}, {"keep_alive", "200"}})
                    repro::set_field(s, key, value);
                INFO(policy << " " << order << " " << what);
                expect_parity(s);
            }
}

TEST_CASE("the reactor's handlers of every kind have the same lifecycle in both worlds") {
    for (std::string_view const handler : server::words<server::reply>())
        for (char const* order : {"client-first", "server-first"})
            for (char const* when : {"handler", "finish", "signal"}) {
                repro::scenario s = repro::load_scenario("quit-connection-close");
                bool const finishes =
                    handler != "never" && handler != "delay_weak" && handler != "throw_raw" && handler != "throw_late";
                for (auto const& [key, value] : {std::pair<char const*, std::string_view>{"handler", handler},
                         {"order", order}, {"when", finishes ? when : "handler"}, {"what", "gs"},
                         {"timer_after", "300"}, {"inactivity", "700"}, {"client_inactivity", "1000"}})
                    repro::set_field(s, key, value);
                INFO(handler << " " << order << " " << when);
                expect_parity(s);
            }
}
