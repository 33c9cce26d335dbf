// Tests what an exploration finds and guarantees, and that it is a function of its options.
#include <algorithm>
#include "repro/explore/explore.hpp"
#include "repro/explore/shrink.hpp"
#include "repro/input/errors.hpp"
#include "repro/sim/replay.hpp"
#include "server_under_test/reactor/config.hpp"
#include "tests/catch.hpp"
#include "traces/format/jsonl.hpp"

using namespace shutdown_repro;
using repro::exploration;
using repro::explore_options;
using repro::finding;
using repro::scenario;
using fields = std::vector<std::pair<std::string, std::string>>;

namespace {

std::atomic<bool> const nobody_asks = false;

scenario with(std::string const& name, fields const& changes = {}) {
    scenario s = repro::load_scenario(name);
    for (auto const& [key, value] : changes) repro::set_field(s, key, value);
    return repro::with_open_acts(s);
}

exploration explored(scenario const& s, std::string strategy, std::uint64_t executions, std::uint32_t jobs = 1) {
    explore_options how;
    how.strategy = std::move(strategy);
    how.executions = executions;
    how.jobs = jobs;
    return repro::explore(s, how, nobody_asks);
}

finding const* find(exploration const& e, std::string_view rule, std::string_view in_fingerprint = {}) {
    for (finding const& f : e.findings)
        if (f.rule == rule && f.fingerprint.find(in_fingerprint) != std::string::npos) return &f;
    return nullptr;
}

std::string handlers(std::string_view first, std::string_view second) {
    return R"([{"act":")" + std::string(first) + R"(","calls":["stop"]},{"act":")" + std::string(second) + R"("}])";
}

} // namespace

// ---- the reports

TEST_CASE("the first report is found within 100 executions without a given stop point or order") {
    exploration const e = explored(with("scope-disposal"), "auto", 100);
    CHECK(e.executions <= 100);
    REQUIRE(find(e, "scope-disposed-nonempty", "scope(request:#)"));
    CHECK(find(e, "assertion-failed"));
    CHECK(e.verdict() == traces::verdict::violated);
    CHECK(e.guarantees().empty());
}

TEST_CASE("the second report is found within 100 executions without a given stop point or order") {
    exploration const finish = explored(with("lost-finish"), "auto", 100);
    CHECK(find(finish, "finish-event-lost"));
    CHECK(find(finish, "callback-after-destroy"));
    exploration const timer = explored(with("lost-timer"), "auto", 100);
    CHECK(find(timer, "timer-lost"));
}

// ---- the defects of the upstream fix

// Frees the server when start() has returned, as upstream does, so that any violation comes from the drain.
exploration mended(std::string_view grace, std::string handlers, fields const& more = {}) {
    fields all{{"policy", "upstream-fix"}, {"owner", "server"}, {"grace", std::string(grace)},
        {"handlers", std::move(handlers)}};
    all.insert(all.end(), more.begin(), more.end());
    scenario s = with("scope-disposal", all);
    s.scoped().free_at = "server.stopped#1";
    return explored(s, "auto", 5'000);
}

TEST_CASE(
    "hole A is found: awaiting the cancellation ends with the first handler, and the others are freed in flight") {
    CHECK(find(mended("20", handlers("cleanup", "cleanup")), "cancelled-not-awaited", "handler of GET"));
    CHECK_FALSE(
        find(mended("20", R"([{"act":"cleanup","calls":["stop"]}])", {{"requests", "1"}}), "cancelled-not-awaited"));
}

TEST_CASE("hole B is found: after an ordinary error of a child the scope counts as finished while handlers run") {
    CHECK(find(mended("1000", handlers("spawn_throw", "cleanup")), "cancelled-not-awaited", "handler of GET"));
    CHECK_FALSE(find(mended("1000", handlers("spawn", "cleanup")), "cancelled-not-awaited"));
}

TEST_CASE("hole C is found: a delayed disposal uses up a reference that is not its own") {
    CHECK(find(
        mended("15", handlers("done", "cleanup"), {{"dispose_after", "120"}}), "access-after-free", "scope(server)"));
    CHECK_FALSE(find(mended("15", handlers("done", "cleanup")), "access-after-free", "scope(server)"));
}

TEST_CASE("drained has none of the three holes") {
    for (fields const& hole : {fields{{"grace", "20"}, {"handlers", handlers("cleanup", "cleanup")}},
             fields{{"grace", "50"}, {"handlers", handlers("spawn_throw", "cleanup")}},
             fields{{"grace", "15"}, {"dispose_after", "120"}, {"handlers", handlers("done", "cleanup")}}}) {
        scenario s = with("scope-disposal", hole);
        s.scoped().shutdown = server::policy::drained;
        exploration const e = explored(s, "exhaustive", 1'000'000);
        INFO(to_json_text(s) << (e.findings.empty() ? "" : "\n" + e.findings[0].rule + ": " + e.findings[0].message));
        CHECK(e.verdict() == traces::verdict::clean);
        CHECK(e.stages.back().done.complete);
    }
}

// ---- guarantees

TEST_CASE("the guarantee of a sweep has the number of pairs of steps, and it covers each step") {
    exploration const e = explored(with("scope-disposal", {{"policy", "drained"}}), "sweep", 100'000);
    CHECK(e.stages[0].done.complete);
    REQUIRE(e.guarantees().size() == 1);
    CHECK_THAT(e.guarantees()[0],
        ContainsSubstring("steps of the default order (" + repro::with_commas(e.executions) + " pairs)"));
    CHECK(e.reached->stop_steps().reached == e.reached->stop_steps().of);
    CHECK(e.reached->free_steps().reached == e.reached->free_steps().of);
}

TEST_CASE("a sample guarantees the binomial bound of its size and no more") {
    exploration const e = explored(with("scope-disposal", {{"policy", "drained"}}), "random", 2'000);
    REQUIRE(e.guarantees().size() == 1);
    CHECK(e.guarantees()[0] ==
        "2,000 independent random schedules, none violated: at most 0.15 % of schedules drawn so violate (95 %)");
}

TEST_CASE("pct guarantees its bound only if no execution was longer than assumed") {
    scenario const s = with("scope-disposal", {{"policy", "drained"}});
    auto const ground = repro::survey(s);
    auto const* pct = repro::find_strategy("pct");
    CHECK_THAT(pct->guarantee(ground, {.executions = 100, .longest = ground.decisions}), ContainsSubstring("depth 3"));
    CHECK(pct->guarantee(ground, {.executions = 100, .longest = 2 * ground.decisions + 100}) == "");
    CHECK(pct->guarantee(ground, {.executions = 100, .violating = 1, .longest = ground.decisions}) == "");
}

TEST_CASE("a server that never ends is not clean") {
    scenario s = with("scope-disposal", {{"policy", "drained"}});
    s.scoped().stop_at = s.scoped().free_at = "never";
    exploration const e = explored(s, "random", 10);
    CHECK(e.verdict() == traces::verdict::inconclusive);
    CHECK(e.unfinished == 10);
    CHECK(e.guarantees().empty());
}

// ---- a function of its options

TEST_CASE("the schedules tried do not depend on the number of workers") {
    for (std::string const strategy : {"sweep", "exhaustive", "phase", "pct", "random"}) {
        scenario const s = with("scope-disposal");
        exploration const one = explored(s, strategy, strategy == "exhaustive" ? 1'000'000 : 500),
                          three = explored(s, strategy, strategy == "exhaustive" ? 1'000'000 : 500, 3);
        INFO(strategy);
        CHECK(one.executions == three.executions);
        CHECK(one.violating == three.violating);
        REQUIRE(one.findings.size() == three.findings.size());
        auto const same = [&](finding const& f) {
            auto const g = std::ranges::find(three.findings, f.key, &finding::key);
            return g != three.findings.end() && g->count == f.count && g->shortest == f.shortest &&
                (strategy == "exhaustive" || g->first == f.first);
        };
        for (finding const& f : one.findings) CHECK(same(f));
        CHECK(one.reached->phases().reached == three.reached->phases().reached);
        CHECK(one.reached->orders() == three.reached->orders());
    }
}

TEST_CASE("an exploration that is asked to stop returns its results so far") {
    std::atomic<bool> const asked = true;
    exploration const e = repro::explore(with("scope-disposal"), {}, asked);
    CHECK(e.interrupted);
    CHECK(e.executions == 0);
    CHECK(e.verdict() == traces::verdict::inconclusive);
}

TEST_CASE("an unknown strategy is named with the nearest one") {
    CHECK_THROWS_WITH(explored(with("scope-disposal"), "exhaustiv", 1),
        ContainsSubstring("unknown strategy \"exhaustiv\"; did you mean \"exhaustive\"?"));
}

// ---- shrinking and the passing twin

TEST_CASE("a shrunk schedule fails as before, and no single change of it does") {
    scenario const s = with("scope-disposal", {{"requests", "3"}});
    exploration const e = explored(s, "phase", 300);
    finding const* f = find(e, "scope-disposed-nonempty");
    REQUIRE(f);
    repro::judged_execution const failing = repro::judge_execution(s, f->shortest);
    std::string what;
    for (auto const& v : failing.judged.violations)
        if (v.rule == f->rule) what = repro::what_went_wrong(failing.trace, v);
    repro::shrink_result const small = repro::shrink(s, f->shortest, what, nobody_asks);
    CHECK(small.scenario.scoped().requests < 3);
    CHECK(repro::away_from_default(small.schedule) <= 2);
    auto const fails = [&](repro::schedule const& when) {
        auto const again = repro::judge_execution(small.scenario, when);
        return again.diverged.empty() && repro::find_violation(again, what);
    };
    CHECK(fails(small.schedule));
    for (std::size_t i = 0; i < small.schedule.choices.size(); ++i) {
        if (!small.schedule.choices[i]) continue;
        repro::schedule without = small.schedule;
        without.choices[i] = 0;
        CHECK_FALSE(fails(without));
        if (i == 0 || small.schedule.choices[i - 1]) continue;
        repro::schedule earlier = small.schedule;
        std::swap(earlier.choices[i], earlier.choices[i - 1]);
        CHECK_FALSE(fails(earlier));
    }
}

TEST_CASE("the passing twin passes and first differs at the named decision") {
    scenario const s = with("scope-disposal");
    exploration const e = explored(s, "sweep", 500);
    finding const* f = find(e, "scope-disposed-nonempty");
    REQUIRE(f);
    auto const twin = repro::find_passing_twin(s, f->shortest, nobody_asks);
    REQUIRE(twin);
    auto const passing = repro::judge_execution(s, twin->schedule), failing = repro::judge_execution(s, f->shortest);
    CHECK(passing.judged.verdict == traces::verdict::clean);
    CHECK(std::equal(passing.taken.choices.begin(),
        passing.taken.choices.begin() + static_cast<std::ptrdiff_t>(twin->decision), failing.taken.choices.begin()));
    CHECK(passing.taken.choices[twin->decision] != failing.taken.choices[twin->decision]);
    CHECK(twin->taken != twin->instead);
}

TEST_CASE("a trace is replayed byte by byte, and a changed one diverges at a named decision") {
    scenario const s = with("lost-finish");
    exploration const e = explored(s, "sweep", 200);
    finding const* f = find(e, "finish-event-lost");
    REQUIRE(f);
    repro::recording r{s, f->shortest, repro::judge_execution(s, f->shortest).trace};
    r.is_trace = true;
    CHECK(repro::replay(r).same);
    traces::trace changed;
    changed.head = r.recorded.head;
    for (traces::event e2 : r.recorded.events) {
        if (e2.what == traces::kind::client_done) e2.t += 1;
        changed.append(e2);
    }
    r.recorded = std::move(changed);
    auto const again = repro::replay(r);
    CHECK_FALSE(again.same);
    CHECK_THAT(again.recorded_line, ContainsSubstring("client.done"));
    CHECK(again.recorded_line != again.again_line);
    CHECK((again.decision.starts_with("decision ") || again.decision.starts_with("the beginning")));
}
