// Tests gates in shards: each shard runs its part of the trials of every check, and merge judges the whole.
#include <algorithm>
#include <nlohmann/json.hpp>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

std::string const drained =
    R"({"name": "drained is clean", "scenario": "scope-disposal", "policy": "drained", "expect": "clean"})";
std::string const reported =
    R"({"name": "as reported", "scenario": "scope-disposal", "policy": "as-reported", "expect": "clean"})";
std::string const known_reproducer =
    R"({"name": "finish is lost", "scenario": "lost-finish", "order": "client-first", "expect": {"violated": ["finish-event-lost"]}})";
std::string const sampled =
    R"({"name": "sampled", "scenario": "lost-finish", "strategy": "random", "executions": 200, "expect": "clean"})";
std::string const proven =
    R"({"name": "proven", "scenario": "scope-disposal", "policy": "drained", "set": {"requests": 1}, "strategy": "exhaustive", "executions": 1000000, "expect": "clean"})";
std::string const explored_reproducer =
    R"({"name": "found", "scenario": "scope-disposal", "strategy": "pct", "executions": 60, "expect": {"violated": ["scope-disposed-nonempty"]}})";

struct sharded_gate : folder {
    explicit sharded_gate(std::vector<std::string> const& checks) {
        std::string all;
        for (std::string const& c : checks) all += (all.empty() ? "" : ",\n") + c;
        write(
            "gate.json", "{\"format\": \"shutdown-repro/gate\", \"version\": \"1.0\", \"checks\": [\n" + all + "]}\n");
    }
    result gate(std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"gate", "gate.json", "--json"});
        return run(more, {.in = path()});
    }
    // Writes 1.json to n.json, and returns the exit statuses.
    std::vector<int> in_shards(int n, std::vector<std::string> const& more = {}) const {
        std::vector<int> statuses;
        for (int i = 1; i <= n; ++i) {
            std::vector<std::string> typed{"--shard", std::to_string(i) + "/" + std::to_string(n)};
            typed.insert(typed.end(), more.begin(), more.end());
            result const r = gate(typed);
            INFO(r.err);
            statuses.push_back(r.status);
            write(std::to_string(i) + ".json", r.out);
        }
        return statuses;
    }
    // Passes the reports in the wrong order.
    result merge(int n, std::vector<std::string> const& more = {}) const {
        std::vector<std::string> typed{"merge", "--json"};
        for (int i = n; i >= 1; --i) typed.push_back(std::to_string(i) + ".json");
        typed.insert(typed.end(), more.begin(), more.end());
        return run(typed, {.in = path()});
    }
    json report(int i) const { return json::parse(read(std::to_string(i) + ".json")); }

    void change_baseline(std::string const& pointer, json const& value) const {
        json b = json::parse(read("gate.baseline.json"));
        b[json::json_pointer(pointer)] = value;
        write("gate.baseline.json", b.dump());
    }
};

// Returns the report without durations and paths of traces.
json gate_essence(std::string const& report) {
    json d = json::parse(report);
    for (json& c : d["checks"]) {
        c.erase("seconds");
        for (json& v : c["violations"]) v.erase("trace");
    }
    return d;
}

json check_named(json const& report, std::string const& name) {
    for (json const& c : report["checks"])
        if (c["name"] == name) return c;
    FAIL("no check is called " << name);
    return {};
}

} // namespace

TEST_CASE(
    "merging the shards of a gate gives the same counts, violations, texts and reports as a gate without shards") {
    sharded_gate const here({drained, reported, known_reproducer, sampled, proven, explored_reproducer});
    json const whole = gate_essence(here.gate().out);
    CHECK(check_named(whole, "sampled")["violations"].size() > 3);
    CHECK(check_named(whole, "proven")["exact"] == true);
    for (int n : {1, 2, 3, 7}) {
        here.in_shards(n);
        result const merged = here.merge(n, {"--junit", "junit.xml"});
        INFO(n << "\n" << merged.err);
        CHECK(merged.status == 1);
        CHECK(gate_essence(merged.out) == whole);
        CHECK_THAT(here.read("junit.xml"), ContainsSubstring(R"(tests="9" failures="5")"));
    }
}

TEST_CASE("all shards share the executions of an exploration, and one shard runs a check with one execution") {
    sharded_gate const here({reported, drained, sampled});
    CHECK(here.in_shards(2) == std::vector<int>{1, 1});
    for (int i : {1, 2}) {
        json const checks = here.report(i)["checks"];
        REQUIRE(checks.size() == 3);
        CHECK(checks[0]["executions"] == (i == 1 ? 1 : 0));
        CHECK(checks[1]["executions"] == (i == 1 ? 0 : 1));
        CHECK(checks[2]["executions"] == 100);
        CHECK(checks[i == 1 ? 1 : 0]["why"][0] == "run by other shards");
    }
}

TEST_CASE("each repetition of a live check is run by one shard") {
    sharded_gate const here(
        {R"({"name": "live", "scenario": "lost-finish", "policy": "drained", "world": "live", "repeat": 5, "expect": "clean"})"});
    CHECK(here.in_shards(3) == std::vector<int>{0, 0, 0});
    for (int i : {1, 2, 3}) CHECK(here.report(i)["checks"][0]["executions"] == (i == 3 ? 1 : 2));
    result const merged = here.merge(3);
    CHECK(merged.status == 0);
    CHECK(json::parse(merged.out)["checks"][0]["why"][0] == "clean, 5 executions");
}

TEST_CASE("only merge reports that a violation is worse than the baseline, and its trace was kept") {
    sharded_gate const here({sampled});
    REQUIRE(here.gate({"--update-baseline"}).status == 0);
    CHECK(here.in_shards(2) == std::vector<int>{0, 0});
    CHECK(here.merge(2).status == 0);
    here.change_baseline("/current/0/of", 20'000);
    CHECK(here.in_shards(2) == std::vector<int>{0, 0});
    result const merged = here.merge(2);
    CHECK(merged.status == 1);
    json const d = json::parse(merged.out);
    CHECK_THAT(d["checks"][0]["why"][0],
        ContainsSubstring("worse: ") && ContainsSubstring(" of 200 ") && ContainsSubstring("of 20,000"));
    auto const worse =
        std::ranges::find_if(d["checks"][0]["violations"], [](json const& v) { return v["stands"] == "worse"; });
    REQUIRE(worse != d["checks"][0]["violations"].end());
    CHECK(here.has((*worse)["trace"].get<std::string>()));
    CHECK(gate_essence(merged.out) == gate_essence(here.gate().out));
}

TEST_CASE("a violation in the baseline counts as fixed when all shards together ran enough clean trials") {
    sharded_gate const here(
        {R"({"name": "c", "scenario": "lost-finish", "policy": "drained", "strategy": "random", "executions": 60, "expect": "clean"})"});
    here.write("gate.baseline.json", R"({"format": "shutdown-repro/baseline", "version": "1.0", "current": [
        {"check": "c", "rule": "timer-lost", "fingerprint": "f", "violated": 100, "of": 1000}], "manual": []})");
    CHECK(here.in_shards(3) == std::vector<int>{0, 0, 0});
    result const merged = here.merge(3);
    CHECK(merged.status == 5);
    CHECK_THAT(json::parse(merged.out)["checks"][0]["why"][0],
        ContainsSubstring("fixed: timer-lost, not seen in 60 executions"));
    CHECK(here.in_shards(3, {"--allow-stale"}) == std::vector<int>{0, 0, 0});
    CHECK(here.merge(3).status == 0);
}

TEST_CASE("a reproducer passes when one shard saw its violation, and fails when none did") {
    sharded_gate const here({explored_reproducer,
        R"({"name": "gone", "scenario": "lost-finish", "policy": "drained", "strategy": "random", "executions": 40, "expect": {"violated": ["timer-lost"]}})"});
    CHECK(here.in_shards(7) == std::vector<int>(7, 0));
    result const merged = here.merge(7);
    CHECK(merged.status == 1);
    json const d = json::parse(merged.out);
    CHECK(check_named(d, "found")["outcome"] == "passed");
    CHECK(check_named(d, "gone")["why"][0] == "no longer reproduces timer-lost: not seen in 40 executions");
}

TEST_CASE("an exhaustive search that its shards did not complete is inconclusive, in each shard and as a whole") {
    sharded_gate const here(
        {R"({"name": "c", "scenario": "scope-disposal", "policy": "drained", "strategy": "exhaustive", "executions": 40, "expect": "clean"})"});
    CHECK(here.in_shards(2) == std::vector<int>{3, 3});
    result const merged = here.merge(2);
    CHECK(merged.status == 3);
    CHECK_THAT(json::parse(merged.out)["checks"][0]["trouble"], ContainsSubstring("40 executions were not enough"));
}

TEST_CASE("the text of a shard names the shard and says that merge judges the whole, and its traces have names of "
          "their own") {
    sharded_gate const here(
        {reported, R"({"name": "too", "scenario": "scope-disposal", "policy": "as-reported", "expect": "clean"})"});
    for (int i : {1, 2}) {
        result const r = run({"gate", "gate.json", "--shard", std::to_string(i) + "/2"}, {.in = here.path()});
        CHECK(r.status == 1);
        CHECK_THAT(r.out,
            ContainsSubstring("1 passed, 1 failed · shard " + std::to_string(i) + " of 2; merge judges the whole\n"));
    }
    CHECK(here.has("findings/1-as-reported-1.jsonl"));
    CHECK(here.has("findings/2-too-1.jsonl"));
    CHECK_THAT(
        run({"gate", "gate.json", "--shard", "1/1"}, {.in = here.path()}).out, ContainsSubstring("shard 1 of 1\n"));
}

TEST_CASE("merge refuses missing or interrupted shards, shards of another gate, and shards mixed with explorations") {
    sharded_gate const here({drained, reported, sampled});
    here.in_shards(2);
    here.write("all.json", here.gate().out);
    here.write("explored.json",
        run({"explore", "scope-disposal", "--executions", "100", "--shard", "2/2", "--json"}, {.in = here.path()}).out);
    auto const changed = [&](char const* name, std::string const& pointer, json const& value) {
        json d = here.report(2);
        d[json::json_pointer(pointer)] = value;
        here.write(name, d.dump());
    };
    changed("names.json", "/shard/names/0", "other");
    changed("known.json", "/shard/baseline/manual",
        json::parse(R"([{"check": "c", "rule": "timer-lost", "reason": "r", "expires": "2030-01-01"}])"));
    changed("stale.json", "/shard/allow_stale", true);
    changed("torn.json", "/shard/baseline/current", 1);
    changed("cut.json", "/interrupted", true);
    changed("fewer.json", "/checks", json::array());
    changed("outcome.json", "/checks/0/outcome", "fine");
    changed("count.json", "/checks/1/executions", 1e300);
    changed("type.json", "/checks/0/violations", "none");
    changed("plan.json", "/checks/1/allow/0", "timer-lost");
    changed("seed.json", "/checks/2/explored/seed", 7);
    changed("stages.json", "/checks/2/explored/stages", json::array());
    changed("shown.json", "/checks/2/explored/shown", json::array());
    changed("key.json", "/checks/2/explored/violations/0/key", "0");
    json without = here.report(2);
    without["checks"][2].erase("explored");
    here.write("without.json", without.dump());
    struct {
        std::vector<std::string> given;
        int status;
        std::string complaint;
    } const cases[] = {
        {{"1.json"}, 3, "missing shards of 2: 2"},
        {{"1.json", "1.json", "2.json"}, 2, "is shard 1 of 2, as is 1.json; give each shard once"},
        {{"1.json", "names.json"}, 2, "names.json: list of checks differs from that of 1.json"},
        {{"1.json", "known.json"}, 2, "known.json: content of the baseline differs from that of 1.json"},
        {{"1.json", "stale.json"}, 2, "stale.json: --allow-stale differs from that of 1.json"},
        {{"1.json", "torn.json"}, 2, "torn.json:1: \"shard.baseline.current\""},
        {{"1.json", "cut.json"}, 3, "cut.json: its shard was interrupted"},
        {{"1.json", "fewer.json"}, 2, "fewer.json: selection of checks (--only) differs from that of 1.json"},
        {{"1.json", "outcome.json"}, 2, "\"checks.1.outcome\""},
        {{"1.json", "count.json"}, 2, "\"checks.2.executions\" must be a count"},
        {{"1.json", "type.json"}, 2, "\"checks.1.violations\""},
        {{"1.json", "plan.json"}, 2, "plan.json, \"as reported\": plan differs from that of 1.json, \"as reported\""},
        {{"1.json", "seed.json"}, 2, "seed.json, \"sampled\": seed differs from that of 1.json, \"sampled\""},
        {{"1.json", "stages.json"}, 3, "stages.json, \"sampled\": its shard ran the strategies none"},
        {{"1.json", "shown.json"}, 2, "\"checks.3.explored.shown\" must have"},
        {{"1.json", "key.json"}, 2, "\"checks.3.explored.violations.1.key\" is 0 or 1 of those that are unfinished"},
        {{"1.json", "without.json"}, 2, "without.json, \"sampled\": kind of trials differs from that of 1.json"},
        {{"all.json"}, 2, "all.json: not the report of a shard (gate --shard I/N --json)"},
        {{"1.json", "explored.json"}, 2, "explored.json: not the report of a gate"},
        {{"explored.json", "1.json"}, 2, "1.json: not the report of an exploration"},
        {{"explored.json", "--tap"}, 2, "--tap is for the reports of a gate"},
    };
    for (auto const& c : cases) {
        std::vector<std::string> typed{"merge"};
        typed.insert(typed.end(), c.given.begin(), c.given.end());
        result const r = run(typed, {.in = here.path()});
        INFO(r.err);
        CHECK(r.status == c.status);
        CHECK_THAT(r.err, ContainsSubstring(c.complaint));
    }
}

TEST_CASE("a shard of a gate does not update the baseline, which needs all trials") {
    sharded_gate const here({drained});
    result const r = here.gate({"--shard", "1/2", "--update-baseline"});
    CHECK(r.status == 2);
    CHECK_THAT(r.out + r.err,
        ContainsSubstring("--update-baseline needs all trials, but --shard selects only a part of them"));
}
