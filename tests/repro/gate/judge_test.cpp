// Tests the judgement of counts, without a server.
#include "repro/gate/counts.hpp"
#include "repro/gate/judge.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;

namespace {

constexpr char const* lost = "finish-event-lost";

gate_violation seen(std::uint64_t count, std::string rule = lost, std::string fingerprint = "f") {
    gate_violation s;
    s.rule = std::move(rule);
    s.fingerprint = std::move(fingerprint);
    s.count = count;
    return s;
}

// Seen only together with finish-event-lost, which explains it.
gate_violation follower(std::uint64_t count) {
    gate_violation s = seen(count, "stop-returned-early", "g");
    s.caused_by = {{lost, "f"}};
    return s;
}

check_result sampled(std::uint64_t trials, std::vector<gate_violation> violations = {}) {
    check_result c;
    c.name = "c";
    c.scenario = "lost-finish";
    c.world = shutdown_repro::server::world_kind::live;
    c.trials = trials;
    c.violations = std::move(violations);
    for (gate_violation const& s : c.violations) c.violated = std::max(c.violated, s.count);
    return c;
}
check_result exact(std::vector<gate_violation> violations = {}) {
    check_result c = sampled(1, std::move(violations));
    c.exact = true;
    return c;
}
check_result reproducer(check_result c) {
    c.expected = {false, {lost}};
    return c;
}

gate_rules knows(std::vector<baseline::known> current, std::vector<baseline::exception> manual = {}) {
    gate_rules by;
    by.known.current = std::move(current);
    by.known.manual = std::move(manual);
    by.today = "2026-06-15";
    by.names = {"c"};
    return by;
}
baseline::known entry(std::uint64_t violated, std::uint64_t of) { return {"c", lost, "f", {violated, of}}; }

check_result judged(check_result c, gate_rules const& by) {
    gate_result r;
    r.checks.push_back(std::move(c));
    judge(r, by);
    return r.checks[0];
}
outcome outcome_of(check_result c, gate_rules const& by = knows({})) { return judged(std::move(c), by).result; }
std::string why(check_result c, gate_rules const& by = knows({})) {
    std::string all;
    for (std::string const& w : judged(std::move(c), by).why) all += w + "\n";
    return all;
}

// Judges the check as in shard 1 of 2.
outcome outcome_in_part(check_result c, gate_rules const& by = knows({})) {
    gate_result r;
    r.checks.push_back(std::move(c));
    r.shard = {{0, 2}, by};
    judge(r, by);
    return r.checks[0].result;
}

} // namespace

TEST_CASE("a shard fails for a new violation, is inconclusive where its trials were, and leaves the rest to merge") {
    CHECK(outcome_in_part(sampled(10, {seen(1)})) == outcome::failed);
    CHECK(outcome_in_part(sampled(10)) == outcome::passed);
    CHECK(outcome_in_part(sampled(0)) == outcome::passed);
    CHECK(outcome_in_part(sampled(10, {seen(10)}), knows({entry(1, 1'000)})) == outcome::passed);
    CHECK(outcome_in_part(sampled(1'000), knows({entry(500, 1'000)})) == outcome::passed);
    CHECK(outcome_in_part(reproducer(sampled(100))) == outcome::passed);
    check_result troubled = sampled(10);
    troubled.doubt(1, "it was lost");
    CHECK(outcome_in_part(troubled) == outcome::inconclusive);
    CHECK(outcome_in_part(reproducer(troubled)) == outcome::inconclusive);
}

TEST_CASE("the single trial of an exact check is judged by its shard") {
    CHECK(outcome_in_part(reproducer(exact())) == outcome::failed);
    CHECK(outcome_in_part(exact(), knows({entry(1, 1)})) == outcome::stale);
    check_result elsewhere = reproducer(exact());
    elsewhere.trials = 0;
    CHECK(outcome_in_part(elsewhere) == outcome::passed);
}

TEST_CASE("a new violation fails, however rare it is") {
    CHECK(outcome_of(sampled(1'000, {seen(1)})) == outcome::failed);
    CHECK_THAT(
        why(sampled(1'000, {seen(1)})), ContainsSubstring("new: finish-event-lost, 1 of 1,000 (baseline: none)"));
    CHECK(outcome_of(exact({seen(1)})) == outcome::failed);
    CHECK(outcome_of(sampled(1'000)) == outcome::passed);
}

TEST_CASE("warnings and errors fail, notes and allowed violations do not") {
    for (auto const& [level, expected] :
        {std::pair(traces::severity::warning, outcome::failed), {traces::severity::note, outcome::passed}}) {
        check_result c = exact({seen(1)});
        c.violations[0].level = level;
        CHECK(outcome_of(c) == expected);
    }
    check_result c = exact({seen(1)});
    c.allowed = {lost};
    CHECK(outcome_of(c) == outcome::passed);
    CHECK(judged(c, knows({})).violations[0].stands == standing::allowed);
}

TEST_CASE("a known violation passes unless its interval is worse") {
    auto const by = knows({entry(3, 20)});
    CHECK(outcome_of(sampled(20, {seen(3)}), by) == outcome::passed);
    CHECK(outcome_of(sampled(20, {seen(6)}), by) == outcome::passed);
    CHECK(outcome_of(sampled(20, {seen(20)}), by) == outcome::failed);
    CHECK_THAT(why(sampled(20, {seen(20)}), by),
        ContainsSubstring("worse: finish-event-lost, 20 of 20 (84 to 100 %), the baseline has 3 of 20 (5 to 36 %)"));
    check_result other = sampled(20, {seen(3)});
    other.violations[0].fingerprint = "another shape";
    CHECK(outcome_of(other, by) == outcome::failed);
}

TEST_CASE(
    "an exact check is judged exactly: a larger share is worse, and one execution without the violation is a fix") {
    CHECK(outcome_of(exact({seen(1)}), knows({entry(1, 1)})) == outcome::passed);
    CHECK(outcome_of(exact(), knows({entry(1, 1)})) == outcome::stale);
    check_result all = exact({seen(900)});
    all.trials = 1'000;
    CHECK(outcome_of(all, knows({entry(900, 1'000)})) == outcome::passed);
    CHECK(outcome_of(all, knows({entry(450, 500)})) == outcome::passed);
    CHECK(outcome_of(all, knows({entry(901, 1'000)})) == outcome::passed);
    CHECK(outcome_of(all, knows({entry(899, 1'000)})) == outcome::failed);
    CHECK_THAT(why(all, knows({entry(899, 1'000)})),
        ContainsSubstring("worse: finish-event-lost, 900 of 1,000, the baseline has 899 of 1,000"));
}

TEST_CASE("a known violation is fixed only after as many clean trials as its rate requires") {
    auto const by = knows({entry(10, 20)}); // its lower bound is 30 %
    std::uint64_t const needed = *clean_runs_needed({10, 20});
    CHECK(outcome_of(sampled(needed), by) == outcome::stale);
    CHECK(outcome_of(sampled(needed - 1), by) == outcome::passed);
    CHECK_THAT(why(sampled(needed - 1), by),
        ContainsSubstring("it counts as fixed after " + std::to_string(needed) +
            " clean executions, so set \"repeat\": " + std::to_string(needed) + " (the baseline has 10 of 20)"));
    gate_rules allowing = by;
    allowing.allow_stale = true;
    CHECK(outcome_of(sampled(needed), allowing) == outcome::passed);
    CHECK_THAT(why(sampled(needed), allowing), ContainsSubstring("fixed: finish-event-lost"));
}

TEST_CASE("an incomplete trial is inconclusive and never clean, unless the check fails anyway") {
    check_result c = sampled(20);
    c.inconclusive = 1;
    c.trouble = "killed after 10 ms";
    CHECK(outcome_of(c) == outcome::inconclusive);
    CHECK_THAT(why(c), ContainsSubstring("killed after 10 ms, 1 of 20 executions"));
    CHECK(outcome_of(sampled(0)) == outcome::inconclusive);
    c.violations.push_back(seen(1));
    CHECK(outcome_of(c) == outcome::failed);
    CHECK(outcome_of(sampled(0), knows({entry(20, 20)})) == outcome::inconclusive); // and nothing is called fixed
    check_result known = sampled(1, {seen(1)});
    known.inconclusive = 1;
    known.trouble = "killed after 10 ms";
    CHECK(outcome_of(known, knows({entry(20, 20)})) == outcome::inconclusive);
}

TEST_CASE("one violated trial is enough for a reproducer") {
    CHECK(outcome_of(reproducer(sampled(100, {seen(1)}))) == outcome::passed);
    CHECK(outcome_of(reproducer(exact({seen(1)}))) == outcome::passed);
    CHECK(outcome_of(reproducer(exact({seen(1), seen(1, "crash-on-stop")}))) == outcome::passed);
    check_result doubtful = reproducer(sampled(2, {seen(1)}));
    doubtful.inconclusive = 1;
    doubtful.trouble = "killed";
    CHECK(outcome_of(doubtful) == outcome::passed);
}

TEST_CASE(
    "a reproducer without its violation fails once chance can't explain it, and says how many trials that takes") {
    CHECK(outcome_of(reproducer(exact())) == outcome::failed);
    CHECK(outcome_of(reproducer(exact({seen(1, "crash-on-stop")}))) == outcome::failed);
    CHECK(outcome_of(reproducer(sampled(3))) == outcome::inconclusive);
    CHECK_THAT(why(reproducer(sampled(3))),
        ContainsSubstring("finish-event-lost was not seen in 3 executions; 35 without it"));
    CHECK(outcome_of(reproducer(sampled(34))) == outcome::inconclusive);
    CHECK(outcome_of(reproducer(sampled(35))) == outcome::failed);
    auto const rare = knows({entry(1, 20)});
    std::uint64_t const needed = *clean_runs_needed({1, 20});
    CHECK(outcome_of(reproducer(sampled(needed - 1)), rare) == outcome::inconclusive);
    CHECK(outcome_of(reproducer(sampled(needed)), rare) == outcome::failed);
}

TEST_CASE("an exception tolerates a violation until it expires, and is stale when it matches nothing") {
    baseline::exception const until{"c", lost, "", "waits for a library", "2026-06-15"},
        expired{"c", lost, "", "waits for a library", "2026-06-14"};
    check_result const passed = judged(exact({seen(1)}), knows({}, {until}));
    CHECK(passed.result == outcome::passed);
    CHECK(passed.violations[0].stands == standing::excepted);
    CHECK(passed.violations[0].reason == "waits for a library");
    CHECK(outcome_of(exact(), knows({}, {expired})) == outcome::stale);
    CHECK_THAT(why(exact(), knows({}, {expired})),
        ContainsSubstring("expired on 2026-06-14: the exception for finish-event-lost (waits for a library)"));
    CHECK(outcome_of(exact(), knows({}, {until})) == outcome::stale);
    CHECK(outcome_of(sampled(20), knows({}, {until})) == outcome::passed); // chance may explain it; the day bounds it
    baseline::exception other = until;
    other.fingerprint = "g";
    CHECK(outcome_of(exact({seen(1)}), knows({}, {other})) == outcome::failed);
}

TEST_CASE("an expired exception tolerates nothing, even if stale entries are allowed") {
    baseline::exception const expired{"c", lost, "", "waits for a library", "2026-06-14"};
    gate_rules by = knows({}, {expired});
    by.allow_stale = true;
    check_result const c = judged(exact({seen(1)}), by);
    CHECK(c.result == outcome::failed);
    CHECK(c.violations[0].stands == standing::fresh);
    CHECK(c.why ==
        std::vector<std::string>{"new: finish-event-lost, 1 of 1 (baseline: an exception that expired on 2026-06-14, "
                                 "\"waits for a library\")"});
    CHECK(outcome_of(exact({seen(1)}), knows({entry(1, 1)}, {expired})) ==
        outcome::stale); // it is known otherwise, and the exception is to go
}

TEST_CASE("a check without repeat waits for known violations that a hundred clean trials can prove fixed") {
    baseline const b = knows({entry(3, 3), {"c", "timer-lost", "rare", {1, 200}}, {"other", lost, "f", {1, 1}}}).known;
    awaited_violations const a = await(b, "c", {});
    REQUIRE(a.all.size() == 1);
    CHECK(a.all[0].rule == lost);
    CHECK(a.all[0].fingerprint == "f");
    CHECK(a.most_trials == *clean_runs_needed({3, 3}));
    CHECK(await({}, "c", {}).most_trials == 0);
    awaited_violations const reproduced = await({}, "c", {.clean = false, .rules = {lost}});
    CHECK(reproduced.all[0].fingerprint.empty());
    CHECK(reproduced.most_trials == 35);
    CHECK(await(b, "c", {.clean = false, .rules = {"timer-lost"}}).most_trials == *clean_runs_needed({1, 200}));
}

TEST_CASE("an updated baseline has no rate of a reproducer without repeat, and keeps entries after incomplete trials") {
    gate_result r;
    r.checks.push_back(reproducer(sampled(1, {seen(1)})));
    judge(r, knows({}));
    CHECK(updated(r, knows({})).current.size() == 1);
    r.checks[0].open_ended = true;
    CHECK(updated(r, knows({})).current.empty());

    auto const by = knows({entry(20, 20)});
    gate_result cut;
    cut.checks.push_back(sampled(20, {seen(1, "timer-lost")}));
    cut.checks[0].trouble = "killed";
    judge(cut, by);
    CHECK(updated(cut, by).current.size() == 2);
}

TEST_CASE("entries of a check that was removed are stale, entries of a check that was not selected are not") {
    gate_result r;
    auto by = knows({{"gone", lost, "f", {1, 1}}, {"unselected", lost, "f", {1, 1}}});
    by.names = {"c", "unselected"};
    r.checks.push_back(exact());
    judge(r, by);
    REQUIRE(r.stale.size() == 1);
    CHECK_THAT(r.stale[0], ContainsSubstring("\"gone\""));
    CHECK(worst_of(r) == outcome::stale);
}

TEST_CASE("the worst outcome is failed, then inconclusive, then stale, then passed") {
    gate_result r;
    for (outcome const o : {outcome::passed, outcome::stale, outcome::inconclusive, outcome::failed}) {
        r.checks.emplace_back().result = o;
        CHECK(worst_of(r) == o);
    }
    gate_result cut;
    cut.interrupted = true;
    CHECK(worst_of(cut) == outcome::inconclusive);
}

TEST_CASE("an updated baseline adds seen violations, removes proven fixes, and keeps exceptions and entries of checks "
          "that did not run") {
    baseline::exception const mine{"c", "timer-lost", "", "why", "2027-01-01"};
    auto by = knows({{"c", lost, "rare", {1, 20}}, {"c", lost, "often", {20, 20}}, {"unselected", lost, "f", {1, 1}},
                        {"gone", lost, "f", {1, 1}}},
        {mine});
    by.names = {"c", "unselected"};
    gate_result r;
    r.checks.push_back(sampled(20, {seen(5, lost, "fresh"), seen(20, "timer-lost")}));
    judge(r, by);
    baseline const next = updated(r, by);
    std::string told;
    for (auto const& k : next.current)
        told += k.check + "/" + k.fingerprint + " " + std::to_string(k.counted.violated) + "/" +
            std::to_string(k.counted.of) + "\n";
    CHECK(told == "c/fresh 5/20\nc/rare 1/20\nunselected/f 1/1\n"); // 20 clean runs prove "often" fixed, not "rare"
    REQUIRE(next.manual.size() == 1);
    CHECK(next.manual[0].reason == "why");
    by.known = next;
    judge(r, by);
    CHECK(r.checks[0].result == outcome::passed);
}

TEST_CASE("a violation in an incomplete trial goes to the baseline with a rate that can be read back") {
    auto const by = knows({});
    gate_result r;
    r.checks.push_back(sampled(3, {seen(2)}));
    r.checks[0].inconclusive = 3;
    r.checks[0].trouble = "killed after 10 ms";
    judge(r, by);
    CHECK(r.checks[0].result == outcome::failed);
    CHECK(parse_baseline(to_text(updated(r, by)), "b.json").current.at(0).counted.of == 2);
}

TEST_CASE("a baseline that only chance would change keeps its bytes") {
    auto const by = knows({entry(3, 20)});
    gate_result r;
    r.checks.push_back(sampled(20, {seen(5)}));
    judge(r, by);
    CHECK(to_text(updated(r, by)) == to_text(by.known));
}

TEST_CASE("a known root covers what was seen only together with it, and the baseline need not have that") {
    check_result const c = judged(sampled(20, {seen(3), follower(3)}), knows({entry(3, 20)}));
    CHECK(c.result == outcome::passed);
    CHECK(c.violations[1].stands == standing::follows);
}

TEST_CASE("a new root fails alone: what follows from it is no failure of its own and is not written to the baseline") {
    gate_result r;
    r.checks.push_back(sampled(20, {seen(3), follower(2)}));
    judge(r, knows({}));
    CHECK(r.checks[0].result == outcome::failed);
    CHECK(r.checks[0].why == std::vector<std::string>{"new: finish-event-lost, 3 of 20 (baseline: none)"});
    baseline const next = updated(r, knows({}));
    REQUIRE(next.current.size() == 1);
    CHECK(next.current[0].rule == lost);
}

TEST_CASE(
    "what follows is new without its root, with a root that only some trials showed, and with one that is allowed") {
    CHECK(outcome_of(sampled(20, {follower(3)}), knows({entry(3, 20)})) == outcome::failed);
    CHECK(outcome_of(sampled(20, {seen(2), follower(3)}), knows({entry(3, 20)})) == outcome::failed);
    check_result allowing = sampled(20, {seen(3), follower(3)});
    allowing.allowed = {lost};
    CHECK(outcome_of(allowing) == outcome::failed);
    gate_violation other = follower(3);
    other.caused_by.push_back({"timer-lost", "h"});
    CHECK(outcome_of(sampled(20, {seen(3), other}), knows({entry(3, 20)})) == outcome::failed);
}

TEST_CASE("an entry of an older baseline for what follows is still compared with its own rate") {
    baseline::known const old{"c", "stop-returned-early", "g", {1, 100}};
    check_result const same =
        judged(exact({seen(1), follower(1)}), knows({entry(1, 1), {"c", "stop-returned-early", "g", {1, 1}}}));
    CHECK(same.result == outcome::passed);
    CHECK(same.violations[1].stands == standing::known);
    CHECK(outcome_of(sampled(20, {seen(20), follower(20)}), knows({entry(20, 20), old})) == outcome::failed);
}

TEST_CASE("an exception that has expired fails again, also for what follows from a known root") {
    baseline::exception const over{"c", "stop-returned-early", "g", "soon", "2026-06-14"};
    CHECK(outcome_of(sampled(20, {seen(3), follower(3)}), knows({entry(3, 20)}, {over})) == outcome::failed);
}

TEST_CASE("what one trial showed without a root is a root in all") {
    std::vector<gate_violation> all;
    count_violation(all, follower(1), 1);
    CHECK(all[0].caused_by.size() == 1);
    count_violation(all, seen(1, "stop-returned-early", "g"), 1);
    count_violation(all, follower(1), 1);
    CHECK(all[0].caused_by.empty());
    CHECK(all[0].count == 3);
}
