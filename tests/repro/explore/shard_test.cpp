// Tests explorations in shards: together they try what a single one tries, and only together they have its guarantee.
#include "repro/explore/merge.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;

namespace {

std::atomic<bool> const go_on = false;

scenario under(char const* policy) {
    scenario s = with_open_acts(load_scenario("scope-disposal"));
    set_field(s, "policy", policy);
    return s;
}

std::vector<exploration> in_shards(scenario const& s, explore_options o, std::uint32_t n, std::uint32_t jobs = 1) {
    std::vector<exploration> parts;
    o.jobs = jobs;
    for (std::uint32_t i = 0; i < n; ++i) {
        o.shard = share{i, n};
        parts.push_back(explore(s, o, go_on));
    }
    return parts;
}

void check_same(exploration const& a, exploration const& b) {
    CHECK(a.executions == b.executions);
    CHECK(a.violating == b.violating);
    CHECK(a.unfinished == b.unfinished);
    CHECK(a.guarantees() == b.guarantees());
    REQUIRE(a.findings.size() == b.findings.size());
    for (std::size_t i = 0; i < a.findings.size(); ++i) {
        finding const &x = a.findings[i], &y = b.findings[i];
        CHECK(x.fingerprint == y.fingerprint);
        CHECK(x.message == y.message);
        CHECK(x.first == y.first);
        CHECK(x.count == y.count);
        CHECK(x.shortest == y.shortest);
    }
    REQUIRE(a.stages.size() == b.stages.size());
    for (std::size_t i = 0; i < a.stages.size(); ++i) {
        CHECK(a.stages[i].done.executions == b.stages[i].done.executions);
        CHECK(a.stages[i].done.complete == b.stages[i].done.complete);
    }
}

} // namespace

TEST_CASE("all shards together find what one exploration finds: the same violations, counts and shortest schedules") {
    for (char const* strategy : {"auto", "random", "sweep"}) {
        explore_options const o{.strategy = strategy, .executions = 400, .seconds = {}, .shard = {}};
        scenario const s = under("upstream-fix");
        exploration const whole = merged(in_shards(s, o, 1));
        INFO(strategy);
        CHECK(whole.findings.size() > 3);
        for (std::uint32_t n : {2u, 3u, 7u}) check_same(whole, merged(in_shards(s, o, n)));
        check_same(whole, merged(in_shards(s, o, 2, 3))); // and with any number of threads
        if (o.strategy != "auto") check_same(whole, explore(s, o, go_on));
    }
}

TEST_CASE("a shard of an exhaustive search guarantees nothing, but all shards together do") {
    scenario s = under("drained");
    set_field(s, "requests", "1");
    explore_options const o{.strategy = "exhaustive", .executions = 1'000'000, .seconds = {}, .shard = {}};
    exploration const whole = explore(s, o, go_on);
    REQUIRE(whole.guarantees().size() == 1);
    for (std::uint32_t n : {2u, 3u, 7u}) {
        auto const parts = in_shards(s, o, n);
        for (exploration const& p : parts) CHECK(p.guarantees().empty());
        check_same(whole, merged(parts));
    }
    auto parts = in_shards(s, {.strategy = "exhaustive", .executions = 30, .seconds = {}, .shard = {}}, 2);
    CHECK(merged(parts).guarantees().empty()); // none of them came to its end
}

TEST_CASE("a shard of a sweep guarantees nothing about all steps, and a shard of draws guarantees only its own draws") {
    scenario const s = under("drained");
    auto const swept = in_shards(s, {.strategy = "sweep", .executions = 1'000, .seconds = {}, .shard = {}}, 2);
    CHECK(swept[0].guarantees().empty());
    REQUIRE(merged(swept).guarantees().size() == 1);
    CHECK_THAT(merged(swept).guarantees()[0], ContainsSubstring("stop and free, each at each of the"));
    auto const drawn = in_shards(s, {.strategy = "random", .executions = 200, .seconds = {}, .shard = {}}, 2);
    REQUIRE(drawn[0].guarantees().size() == 1);
    CHECK_THAT(drawn[0].guarantees()[0], ContainsSubstring("100 independent random schedules"));
    CHECK_THAT(merged(drawn).guarantees().at(0), ContainsSubstring("200 independent random schedules"));
}

namespace {

// A search of 11,158 executions, or of more than its budget.
scenario eager_drain() {
    return with_open_acts(scenario_from_text(
        R"({"scenario": "r516081", "server": "reactor", "policy": "eager-drain", "connections": 2, "close": false,
            "handler": "throw_raw", "timer": "recurring", "when": "signal", "order": "server-first", "what": "stop",
            "signal_at": "stream.drain#1"})",
        "test"));
}

void check_same_coverage(coverage const& a, coverage const& b) {
    CHECK(a.never(1'000) == b.never(1'000));
    CHECK(a.orders() == b.orders());
    CHECK(a.phases().reached == b.phases().reached);
    CHECK(a.stop_steps().reached == b.stop_steps().reached);
    CHECK(a.free_steps().reached == b.free_steps().reached);
}

} // namespace

TEST_CASE("an exhaustive search tries the same with any number of jobs and of shards, wherever its budget ends") {
    for (scenario const& s : {eager_drain(), under("upstream-fix")})
        for (std::uint64_t const executions : {1, 50, 700}) {
            for (char const* strategy : {"exhaustive", "plain"}) {
                INFO(s.name << ", " << strategy << ", " << executions);
                explore_options o{.strategy = strategy, .executions = executions, .seconds = {}, .shard = {}};
                exploration const alone = explore(s, o, go_on);
                CHECK(alone.stages[0].done.executions + alone.stages[0].pruned <= executions);
                for (std::uint32_t const jobs : {2u, 8u}) {
                    o.jobs = jobs;
                    exploration const several = explore(s, o, go_on);
                    check_same(alone, several);
                    CHECK(alone.stages[0].pruned == several.stages[0].pruned);
                    CHECK(alone.stages[0].done.longest == several.stages[0].done.longest);
                    check_same_coverage(*alone.reached, *several.reached);
                }
                if (executions != 50) continue;
                check_same(alone, merged(in_shards(s, o, 2)));
                check_same(alone, merged(in_shards(s, o, 3, 2)));
            }
        }
}

TEST_CASE("an exhaustive search that ends exactly with its budget is complete, with any number of jobs and of shards") {
    scenario s = under("drained");
    set_field(s, "requests", "1");
    explore_options o{.strategy = "exhaustive", .executions = 1'000'000, .seconds = {}, .shard = {}};
    exploration const whole = explore(s, o, go_on);
    REQUIRE(whole.stages[0].done.complete);
    o.executions = whole.stages[0].done.executions + whole.stages[0].pruned;
    for (std::uint32_t const jobs : {1u, 2u, 5u}) {
        o.jobs = jobs;
        check_same(whole, explore(s, o, go_on));
        check_same(whole, merged(in_shards(s, o, 3, jobs)));
    }
    --o.executions;
    for (std::uint32_t const jobs : {1u, 2u, 5u}) {
        o.jobs = jobs;
        CHECK(explore(s, o, go_on).guarantees().empty());
        CHECK(merged(in_shards(s, o, 3, jobs)).guarantees().empty());
    }
}

TEST_CASE("a sweep of all pairs of steps is complete with any number of jobs and of shards") {
    scenario s = under("drained");
    set_field(s, "requests", "1");
    explore_options o{.strategy = "sweep", .executions = 1'000'000, .seconds = {}, .shard = {}};
    exploration const whole = explore(s, o, go_on);
    REQUIRE(whole.stages[0].done.complete);
    for (std::uint64_t const more : {0, 1, 2, 3, 4}) {
        o.executions = whole.executions + more;
        for (std::uint32_t const jobs : {1u, 3u, 4u}) {
            o.jobs = jobs;
            check_same(whole, explore(s, o, go_on));
        }
        check_same(whole, merged(in_shards(s, o, 3)));
    }
}
