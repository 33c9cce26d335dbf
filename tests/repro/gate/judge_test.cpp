// Tests the judgement of counts, without a server.
#include "repro/gate/judge.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;

namespace {

constexpr char const* lost = "finish-event-lost";

seen_violation seen(std::uint64_t count, std::string rule = lost, std::string fingerprint = "f") {
    seen_violation s;
    s.rule = std::move(rule);
    s.fingerprint = std::move(fingerprint);
    s.count = count;
    return s;
}

checked sampled(std::uint64_t trials, std::vector<seen_violation> violations = {}) {
    checked c;
    c.name = "c";
    c.scenario = "lost-finish";
    c.world = shutdown_repro::server::world_kind::live;
    c.trials = trials;
    c.seen = std::move(violations);
    for (seen_violation const& s : c.seen) c.violated = std::max(c.violated, s.count);
    return c;
}
checked exact(std::vector<seen_violation> violations = {}) {
    checked c = sampled(1, std::move(violations));
    c.exact = true;
    return c;
}
checked reproducer(checked c) {
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

checked judged(checked c, gate_rules const& by) {
    gate_result r;
    r.checks.push_back(std::move(c));
    judge(r, by);
    return r.checks[0];
}
outcome came(checked c, gate_rules const& by = knows({})) { return judged(std::move(c), by).came; }
std::string why(checked c, gate_rules const& by = knows({})) {
    std::string all;
    for (std::string const& w : judged(std::move(c), by).why) all += w + "\n";
    return all;
}

// Judges the check as in shard 1 of 2.
outcome came_in_part(checked c, gate_rules const& by = knows({})) {
    gate_result r;
    r.checks.push_back(std::move(c));
    r.shard = {{0, 2}, by};
    judge(r, by);
    return r.checks[0].came;
}

} // namespace

TEST_CASE("a shard fails for a new violation, is inconclusive where its trials were, and leaves the rest to merge") {
    CHECK(came_in_part(sampled(10, {seen(1)})) == outcome::failed);
    CHECK(came_in_part(sampled(10)) == outcome::passed);
    CHECK(came_in_part(sampled(0)) == outcome::passed);
    CHECK(came_in_part(sampled(10, {seen(10)}), knows({entry(1, 1'000)})) == outcome::passed);
    CHECK(came_in_part(sampled(1'000), knows({entry(500, 1'000)})) == outcome::passed);
    CHECK(came_in_part(reproducer(sampled(100))) == outcome::passed);
    checked troubled = sampled(10);
    troubled.doubt(1, "it was lost");
    CHECK(came_in_part(troubled) == outcome::inconclusive);
    CHECK(came_in_part(reproducer(troubled)) == outcome::inconclusive);
}

TEST_CASE("the single trial of an exact check is judged by its shard") {
    CHECK(came_in_part(reproducer(exact())) == outcome::failed);
    CHECK(came_in_part(exact(), knows({entry(1, 1)})) == outcome::stale);
    checked elsewhere = reproducer(exact());
    elsewhere.trials = 0;
    CHECK(came_in_part(elsewhere) == outcome::passed);
}

TEST_CASE("a new violation fails, however rare it is") {
    CHECK(came(sampled(1'000, {seen(1)})) == outcome::failed);
    CHECK_THAT(
        why(sampled(1'000, {seen(1)})), ContainsSubstring("new: finish-event-lost, 1 of 1,000 (baseline: none)"));
    CHECK(came(exact({seen(1)})) == outcome::failed);
    CHECK(came(sampled(1'000)) == outcome::passed);
}

TEST_CASE("warnings and errors fail, notes and allowed violations do not") {
    for (auto const& [level, expected] :
        {std::pair(traces::severity::warning, outcome::failed), {traces::severity::note, outcome::passed}}) {
        checked c = exact({seen(1)});
        c.seen[0].level = level;
        CHECK(came(c) == expected);
    }
    checked c = exact({seen(1)});
    c.allowed = {lost};
    CHECK(came(c) == outcome::passed);
    CHECK(judged(c, knows({})).seen[0].stands == standing::allowed);
}

TEST_CASE("a known violation passes unless its interval is worse") {
    auto const by = knows({entry(3, 20)});
    CHECK(came(sampled(20, {seen(3)}), by) == outcome::passed);
    CHECK(came(sampled(20, {seen(6)}), by) == outcome::passed);
    CHECK(came(sampled(20, {seen(20)}), by) == outcome::failed);
    CHECK_THAT(why(sampled(20, {seen(20)}), by),
        ContainsSubstring("worse: finish-event-lost, 20 of 20 (84 to 100 %), the baseline has 3 of 20 (5 to 36 %)"));
    checked other = sampled(20, {seen(3)});
    other.seen[0].fingerprint = "another shape";
    CHECK(came(other, by) == outcome::failed);
}

TEST_CASE(
    "an exact check is judged exactly: a larger share is worse, and one execution without the violation is a fix") {
    CHECK(came(exact({seen(1)}), knows({entry(1, 1)})) == outcome::passed);
    CHECK(came(exact(), knows({entry(1, 1)})) == outcome::stale);
    checked all = exact({seen(900)});
    all.trials = 1'000;
    CHECK(came(all, knows({entry(900, 1'000)})) == outcome::passed);
    CHECK(came(all, knows({entry(450, 500)})) == outcome::passed);
    CHECK(came(all, knows({entry(901, 1'000)})) == outcome::passed);
    CHECK(came(all, knows({entry(899, 1'000)})) == outcome::failed);
    CHECK_THAT(why(all, knows({entry(899, 1'000)})),
        ContainsSubstring("worse: finish-event-lost, 900 of 1,000, the baseline has 899 of 1,000"));
}

TEST_CASE("a known violation is fixed only after as many clean trials as its rate requires") {
    auto const by = knows({entry(10, 20)}); // its lower bound is 30 %
    std::uint64_t const needed = *clean_runs_needed({10, 20});
    CHECK(came(sampled(needed), by) == outcome::stale);
    CHECK(came(sampled(needed - 1), by) == outcome::passed);
    CHECK_THAT(why(sampled(needed - 1), by),
        ContainsSubstring("it counts as fixed after " + std::to_string(needed) +
            " clean executions, so set \"repeat\": " + std::to_string(needed) + " (the baseline has 10 of 20)"));
    gate_rules allowing = by;
    allowing.allow_stale = true;
    CHECK(came(sampled(needed), allowing) == outcome::passed);
    CHECK_THAT(why(sampled(needed), allowing), ContainsSubstring("fixed: finish-event-lost"));
}

TEST_CASE("an incomplete trial is inconclusive and never clean, unless the check fails anyway") {
    checked c = sampled(20);
    c.inconclusive = 1;
    c.trouble = "killed after 10 ms";
    CHECK(came(c) == outcome::inconclusive);
    CHECK_THAT(why(c), ContainsSubstring("killed after 10 ms, 1 of 20 executions"));
    CHECK(came(sampled(0)) == outcome::inconclusive);
    c.seen.push_back(seen(1));
    CHECK(came(c) == outcome::failed);
    CHECK(came(sampled(0), knows({entry(20, 20)})) == outcome::inconclusive); // and nothing is called fixed
    checked known = sampled(1, {seen(1)});
    known.inconclusive = 1;
    known.trouble = "killed after 10 ms";
    CHECK(came(known, knows({entry(20, 20)})) == outcome::inconclusive);
}

TEST_CASE("one violated trial is enough for a reproducer") {
    CHECK(came(reproducer(sampled(100, {seen(1)}))) == outcome::passed);
    CHECK(came(reproducer(exact({seen(1)}))) == outcome::passed);
    CHECK(came(reproducer(exact({seen(1), seen(1, "crash-on-stop")}))) == outcome::passed);
    checked doubtful = reproducer(sampled(2, {seen(1)}));
    doubtful.inconclusive = 1;
    doubtful.trouble = "killed";
    CHECK(came(doubtful) == outcome::passed);
}

TEST_CASE(
    "a reproducer without its violation fails once chance can't explain it, and says how many trials that takes") {
    CHECK(came(reproducer(exact())) == outcome::failed);
    CHECK(came(reproducer(exact({seen(1, "crash-on-stop")}))) == outcome::failed);
    CHECK(came(reproducer(sampled(3))) == outcome::inconclusive);
    CHECK_THAT(why(reproducer(sampled(3))),
        ContainsSubstring("finish-event-lost was not seen in 3 executions; 35 without it"));
    CHECK(came(reproducer(sampled(34))) == outcome::inconclusive);
    CHECK(came(reproducer(sampled(35))) == outcome::failed);
    auto const rare = knows({entry(1, 20)});
    std::uint64_t const needed = *clean_runs_needed({1, 20});
    CHECK(came(reproducer(sampled(needed - 1)), rare) == outcome::inconclusive);
    CHECK(came(reproducer(sampled(needed)), rare) == outcome::failed);
}

TEST_CASE("an exception tolerates a violation until it expires, and is stale when it matches nothing") {
    baseline::exception const until{"c", lost, "", "waits for a library", "2026-06-15"},
        expired{"c", lost, "", "waits for a library", "2026-06-14"};
    checked const passed = judged(exact({seen(1)}), knows({}, {until}));
    CHECK(passed.came == outcome::passed);
    CHECK(passed.seen[0].stands == standing::excepted);
    CHECK(passed.seen[0].reason == "waits for a library");
    CHECK(came(exact(), knows({}, {expired})) == outcome::stale);
    CHECK_THAT(why(exact(), knows({}, {expired})),
        ContainsSubstring("expired on 2026-06-14: the exception for finish-event-lost (waits for a library)"));
    CHECK(came(exact(), knows({}, {until})) == outcome::stale);
    CHECK(came(sampled(20), knows({}, {until})) == outcome::passed); // chance may explain it; the day bounds it
    baseline::exception other = until;
    other.fingerprint = "g";
    CHECK(came(exact({seen(1)}), knows({}, {other})) == outcome::failed);
}

TEST_CASE("an expired exception tolerates nothing, even if stale entries are allowed") {
    baseline::exception const expired{"c", lost, "", "waits for a library", "2026-06-14"};
    gate_rules by = knows({}, {expired});
    by.allow_stale = true;
    checked const c = judged(exact({seen(1)}), by);
    CHECK(c.came == outcome::failed);
    CHECK(c.seen[0].stands == standing::fresh);
    CHECK(c.why ==
        std::vector<std::string>{"new: finish-event-lost, 1 of 1 (baseline: an exception that expired on 2026-06-14, "
                                 "\"waits for a library\")"});
    CHECK(came(exact({seen(1)}), knows({entry(1, 1)}, {expired})) ==
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
        r.checks.emplace_back().came = o;
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
    CHECK(r.checks[0].came == outcome::passed);
}

TEST_CASE("a violation in an incomplete trial goes to the baseline with a rate that can be read back") {
    auto const by = knows({});
    gate_result r;
    r.checks.push_back(sampled(3, {seen(2)}));
    r.checks[0].inconclusive = 3;
    r.checks[0].trouble = "killed after 10 ms";
    judge(r, by);
    CHECK(r.checks[0].came == outcome::failed);
    CHECK(parse_baseline(to_text(updated(r, by)), "b.json").current.at(0).counted.of == 2);
}

TEST_CASE("a baseline that only chance would change keeps its bytes") {
    auto const by = knows({entry(3, 20)});
    gate_result r;
    r.checks.push_back(sampled(20, {seen(5)}));
    judge(r, by);
    CHECK(to_text(updated(r, by)) == to_text(by.known));
}
