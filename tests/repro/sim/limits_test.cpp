// Tests that each simulated execution ends, with the reason: a loop that spins at one instant, too many events, a
// server that nobody stops, and handlers that start together.
#include <algorithm>
#include <type_traits>
#include "repro/explore/explore.hpp"
#include "repro/sim/judged.hpp"
#include "server_under_test/worlds/sim_kernel.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using traces::kind;
using traces::millisecond;

namespace {

judged_execution executed(std::string const& text) {
    return judge_execution(scenario_from_text(text, "test"), schedule{});
}

std::string spinning(std::string const& policy, std::string const& more = "") {
    return R"({"scenario": "timer-zero", "server": "reactor", "policy": ")" + policy +
        R"(", "connections": 1, "handler": "never", "timer": "recurring", "when": "cbN", "what": "gsn", "timer_after": 0)" +
        more + "}";
}

struct default_order final : server::decision_source {
    std::uint32_t choose(std::span<server::alternative const>) override { return 0; }
};

} // namespace

TEST_CASE("a loop that spins at one instant ends the execution, which is inconclusive and names the instant") {
    for (char const* policy : {"no-destroy", "drained", "as-reported"}) {
        judged_execution const e = executed(spinning(policy));
        INFO(policy);
        CHECK(e.judged.verdict == traces::verdict::inconclusive);
        CHECK(e.judged.violations.empty());
        REQUIRE(e.trace.problems.size() == 1);
        CHECK_THAT(e.trace.problems[0], ContainsSubstring("the loop spins at 0 ms"));
        CHECK(e.trace.events.size() < 20'000);
        CHECK(e.trace.foot->note == e.trace.problems[0]);
        CHECK(e.trace.foot->signal.empty());
    }
    // A timer of 0 ms that fires once does not.
    judged_execution const once = executed(
        R"({"scenario": "once", "server": "reactor", "policy": "drained", "connections": 2, "handler": "delay",
            "timer": "stopcb", "when": "timer", "what": "g", "timer_after": 0})");
    CHECK(once.trace.problems.empty());
}

TEST_CASE("an exploration reports a loop that spins as a finding, and is not clean") {
    std::atomic<bool> const go_on = false;
    explore_options const o{.strategy = "random", .executions = 20, .seconds = {}, .shard = {}};
    scenario const s = scenario_from_text(spinning("no-destroy"), "test");
    exploration const e = explore(s, o, go_on);
    REQUIRE(e.findings.size() == 1);
    CHECK(e.findings[0].rule.empty());
    CHECK_THAT(e.findings[0].message, ContainsSubstring("the loop spins at 0 ms"));
    CHECK(e.findings[0].count == 20);
    CHECK(e.unfinished == 20);
    CHECK(e.verdict() == traces::verdict::inconclusive);
    CHECK(e.guarantees().empty());
}

TEST_CASE("a poll at an instant at which there were too many, or after too many events, ends the execution") {
    using limit = server::sim_kernel::limit;
    traces::trace t;
    traces::nanoseconds clock = 0;
    traces::recorder record(t, clock);
    default_order decide;
    server::sim_kernel kernel(record, clock, decide, 1'000 * millisecond, 3, 5);
    for (int i = 0; i < 3; ++i) CHECK(kernel.poll({}, 0));
    clock += millisecond;
    CHECK(kernel.poll({}, 0));
    CHECK(kernel.poll({}, 1)); // time passes
    for (int i = 0; i < 3; ++i) CHECK(kernel.poll({}, 0));
    CHECK(kernel.reached() == limit::none);
    CHECK_FALSE(kernel.poll({}, 0));
    CHECK(kernel.reached() == limit::polls);

    clock = 0;
    server::sim_kernel other(record, clock, decide, 1'000 * millisecond, 3, 5);
    for (int i = 0; i < 6; ++i) record.emit(kind::loop_tick, {traces::entity::loop, 1});
    CHECK_FALSE(other.poll({}, 1));
    CHECK(other.reached() == limit::events);
}

TEST_CASE("the simulator's own kill of a server that nobody stops is not the stop: the execution is inconclusive") {
    for (char const* text : {
             R"({"scenario":"nobody-stops","policy":"drained","requests":1,"handlers":[{"act":"forever"}],
                 "stop":"never","free":"never"})",
             R"({"scenario":"nobody-stops","policy":"as-reported","requests":2,"handlers":[{"act":"forever"}],
                 "stop":"never","free":"never"})",
             R"({"scenario":"nobody-stops","server":"reactor","handler":"never","timer":"none","when":"cbN",
                 "keep_alive":60000,"inactivity":60000,"client_inactivity":60000})",
         }) {
        judged_execution const e = executed(text);
        INFO(text);
        CHECK(e.judged.verdict == traces::verdict::inconclusive);
        CHECK(e.judged.violations.empty());
        std::size_t kills = 0;
        for (traces::event const& one : e.trace.events) {
            if (one.what != kind::process_signal) continue;
            ++kills;
            REQUIRE(one.find("stop"));
            CHECK(one.integer("stop") == 0);
        }
        CHECK(kills == 1);
    }
}

TEST_CASE("the kill of a server that does not end after its stop is recorded as before") {
    judged_execution const e = executed(
        R"({"scenario":"stopped","server":"reactor","handler":"never","timer":"none","when":"handler","what":"g",
            "policy":"no-destroy","keep_alive":60000,"inactivity":60000,"client_inactivity":60000})");
    for (traces::event const& one : e.trace.events)
        if (one.what == kind::process_signal) CHECK_FALSE(one.find("stop"));
    CHECK(e.judged.verdict == traces::verdict::violated);
}

TEST_CASE("handlers that start together do not wait for requests that come later on their own connections") {
    for (char const* pipelined : {"false", "true"})
        for (char const* requests : {"2", "4", "5", "6"}) {
            std::string const text =
                R"({"scenario":"together","policy":"drained","per_connection":2,"handlers":[{"act":"done"}],
                    "free":"server.stopped#1","pipelined":)" +
                std::string(pipelined) + R"(,"requests":)" + requests + R"(,"stop":"request.finish#)" + requests +
                "\"}";
            judged_execution const e = executed(text);
            INFO(text);
            CHECK(e.judged.verdict == traces::verdict::clean);
            CHECK(std::ranges::count(e.trace.events, kind::client_done, &traces::event::what) == std::stoi(requests));
        }
}

TEST_CASE("an execution keeps how many alternatives each decision had, and not which") {
    judged_execution const e = executed(R"({"scenario": "long", "requests": 300, "stop": "server.ready#1"})");
    REQUIRE(e.offered.size() == e.taken.choices.size());
    CHECK(e.offered.front() == 300);
    STATIC_REQUIRE(std::is_same_v<decltype(e.offered), std::vector<std::uint32_t>>);
}
