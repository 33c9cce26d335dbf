// Tests shards from the command line and from the environment, and merge.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include "cli/options/shard.hpp"
#include "repro/input/errors.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/skip.hpp"

using namespace shutdown_repro::cli;
using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

using variables = std::map<std::string, std::string>;

// Returns "2/3 from VARIABLE", "none", or the error.
std::string chosen(std::string const& typed, variables const& set, std::string* notes = nullptr) {
    auto const env = [&](char const* name) -> char const* {
        auto const v = set.find(name);
        return v == set.end() ? nullptr : v->second.c_str();
    };
    try {
        auto const s = choose_shard(typed, env, [&](std::string const& n) {
            if (notes) *notes += n;
        });
        return s ? std::to_string(s->part.index + 1) + "/" + std::to_string(s->part.count) + " from " + s->from
                 : "none";
    } catch (shutdown_repro::repro::input_error const& e) { return e.what(); }
}

variables slurm(char const* id, char const* count, char const* least, char const* step) {
    return {{"SLURM_ARRAY_TASK_ID", id}, {"SLURM_ARRAY_TASK_COUNT", count}, {"SLURM_ARRAY_TASK_MIN", least},
        {"SLURM_ARRAY_TASK_STEP", step}};
}

// Three shards of one exploration, 1.json to 3.json.
void explore_shards(folder const& here) {
    for (char const* i : {"1", "2", "3"}) {
        result const r =
            run({"explore", "scope-disposal", "--executions", "150", "--shard", std::string(i) + "/3", "--json"},
                {.in = here.path()});
        REQUIRE(r.status == 1);
        here.write(std::string(i) + ".json", r.out);
    }
}

// Returns the report without paths of traces.
json essence(std::string const& report) {
    json d = json::parse(report), out;
    for (char const* key : {"verdict", "executions", "violated", "stages"}) out[key] = d[key];
    for (json const& v : d["violations"])
        out["violations"].push_back({v["key"], v["fingerprint"], v["message"], v["count"], v["first"], v["schedule"]});
    return out;
}

} // namespace

TEST_CASE("a shard is given as I/N, and other values are refused") {
    CHECK(chosen("2/3", {}) == "2/3 from --shard");
    CHECK(chosen("1/1", {{"TEST_TOTAL_SHARDS", "7"}, {"TEST_SHARD_INDEX", "1"}}) == "1/1 from --shard");
    CHECK(chosen("", {}) == "none");
    for (char const* bad : {"0/3", "4/3", "1", "/", "1/", "/2", "-1/2", "1/2/3", "1/0", "a/b", " 1/2", "1/100001",
             "99999999999/99999999999"})
        CHECK_THAT(chosen(bad, {}),
            ContainsSubstring("--shard must be I/N with 1 <= I <= N <= 100000, not \"" + std::string(bad)));
}

TEST_CASE("Bazel, Slurm arrays and Kubernetes Indexed Jobs select the shard, and a note says so") {
    std::string notes;
    CHECK(chosen("", {{"TEST_TOTAL_SHARDS", "4"}, {"TEST_SHARD_INDEX", "0"}}, &notes) == "1/4 from TEST_SHARD_INDEX");
    CHECK(notes == "shard 1 of 4, selected by TEST_SHARD_INDEX (--shard 1/1 selects all of the work)");
    CHECK(chosen("", {{"TEST_TOTAL_SHARDS", "0"}}) == "none");
    CHECK(chosen("", slurm("1", "3", "1", "1")) == "1/3 from SLURM_ARRAY_TASK_ID");
    CHECK(chosen("", slurm("7", "4", "1", "2")) == "4/4 from SLURM_ARRAY_TASK_ID");
    CHECK(chosen("", slurm("0", "32", "0", "1")) == "1/32 from SLURM_ARRAY_TASK_ID");
    CHECK(
        chosen("", {{"JOB_COMPLETION_INDEX", "2"}, {"SHUTDOWN_REPRO_SHARDS", "3"}}) == "3/3 from JOB_COMPLETION_INDEX");
    notes.clear();
    CHECK(chosen("", {{"JOB_COMPLETION_INDEX", "2"}}, &notes) == "none");
    CHECK_THAT(notes, ContainsSubstring("SHUTDOWN_REPRO_SHARDS, the number of pods, is not"));
}

TEST_CASE("the error for an invalid variable names it") {
    CHECK_THAT(chosen("", {{"TEST_TOTAL_SHARDS", "x"}}),
        ContainsSubstring(
            "TEST_TOTAL_SHARDS must be a whole number from 0 to 100000, not \"x\"; correct it, or give --shard I/N"));
    CHECK_THAT(chosen("", {{"TEST_TOTAL_SHARDS", "3"}}), ContainsSubstring("TEST_SHARD_INDEX is not set"));
    CHECK_THAT(chosen("", {{"TEST_TOTAL_SHARDS", "3"}, {"TEST_SHARD_INDEX", "3"}}),
        ContainsSubstring("TEST_SHARD_INDEX must be a whole number from 0 to 2, not \"3\""));
    CHECK_THAT(chosen("", slurm("", "3", "1", "1")), ContainsSubstring("SLURM_ARRAY_TASK_ID must be"));
    CHECK_THAT(chosen("", slurm("5", "3", "1", "1")),
        ContainsSubstring("SLURM_ARRAY_TASK_ID must be one of 3 from 1 in steps of 1, not \"5\""));
    CHECK_THAT(chosen("", slurm("4", "3", "1", "2")),
        ContainsSubstring("SLURM_ARRAY_TASK_ID must be one of 3 from 1 in steps of 2"));
    CHECK_THAT(chosen("", slurm("2", "3", "1", "0")), ContainsSubstring("SLURM_ARRAY_TASK_STEP must be"));
    CHECK_THAT(chosen("", {{"SLURM_ARRAY_TASK_ID", "1"}}), ContainsSubstring("SLURM_ARRAY_TASK_COUNT is not set"));
    CHECK_THAT(chosen("", {{"JOB_COMPLETION_INDEX", "3"}, {"SHUTDOWN_REPRO_SHARDS", "3"}}),
        ContainsSubstring("JOB_COMPLETION_INDEX must be a whole number from 0 to 2"));
    CHECK_THAT(chosen("", {{"JOB_COMPLETION_INDEX", "\x1b[2J"}, {"SHUTDOWN_REPRO_SHARDS", "3"}}),
        ContainsSubstring("not \"\\x1b[2J\""));
}

TEST_CASE("explore takes its shard from Bazel, says so, and touches Bazel's status file") {
    folder here;
    result const r =
        run({"explore", "scope-disposal", "--policy", "drained", "--strategy", "random", "--executions", "100"},
            {.in = here.path(),
                .environment = {{"TEST_TOTAL_SHARDS", "4"}, {"TEST_SHARD_INDEX", "1"},
                    {"TEST_SHARD_STATUS_FILE", here.file("status")}}});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(r.err, ContainsSubstring("shard 2 of 4, selected by TEST_SHARD_INDEX"));
    std::string flat = r.out; // without its line breaks
    std::replace(flat.begin(), flat.end(), '\n', ' ');
    CHECK_THAT(flat,
        ContainsSubstring("in 25 executions") && ContainsSubstring("shard 2 of 4, selected by TEST_SHARD_INDEX)"));
    CHECK(here.has("status"));
}

TEST_CASE("merging all shards, in any order, gives the report of a single shard") {
    folder here;
    explore_shards(here);
    result const one =
        run({"explore", "scope-disposal", "--executions", "150", "--shard", "1/1", "--json"}, {.in = here.path()});
    result const all = run({"merge", "3.json", "1.json", "2.json", "--json"}, {.in = here.path()});
    INFO(all.err);
    CHECK(all.status == 1);
    CHECK(essence(all.out) == essence(one.out));
    CHECK(json::parse(all.out)["shards"] == 3);
    result const text = run({"merge", "1.json", "2.json", "3.json"}, {.in = here.path()});
    CHECK_THAT(text.out,
        ContainsSubstring("seed 1;") && ContainsSubstring("3 shards)") &&
            ContainsSubstring("shutdown-repro replay findings/"));
}

TEST_CASE("shards can keep their findings in one folder") {
    folder here;
    explore_shards(here);
    for (char const* name : {"findings/1-1.jsonl", "findings/2-1.jsonl", "findings/3-1.jsonl"}) CHECK(here.has(name));
}

TEST_CASE(
    "merge refuses a missing or duplicate shard, one of another exploration or program version, and other files") {
    folder here;
    explore_shards(here);
    std::string const text = here.read("1.json");
    auto const changed = [&](char const* name, std::string const& pointer, json const& value) {
        json d = json::parse(text);
        d[json::json_pointer(pointer)] = value;
        here.write(name, d.dump());
    };
    changed("seed.json", "/seed", 2);
    changed("other.json", "/asked/scenario/requests", 3);
    changed("older.json", "/tool", "shutdown-repro 0.0.9");
    changed("newer.json", "/version", "2.0");
    changed("negative.json", "/executions", -1);
    changed("strategy.json", "/stages/0/strategy", "<b>");
    changed("schedule.json", "/violations/0/schedule", "1=");
    changed("shard.json", "/shard/number", 4);
    changed("stages.json", "/stages", json::array());
    changed("rule.json", "/violations/0/rule", "\x1b[2Jtimer-lost");
    changed("decisions.json", "/violations/0/decisions", 0);
    changed("interrupted.json", "/interrupted", true);
    here.write("cut.json", text.substr(0, text.size() / 2));
    here.write("deep.json", std::string(100'000, '['));
    here.write("utf8.json", "{\"format\":\"\xff\"}");
    here.write("empty.json", "{}");
    struct {
        std::vector<std::string> given;
        int status;
        std::string complaint;
    } const cases[] = {
        {{"1.json", "3.json"}, 3, "missing shards of 3: 2"},
        {{"1.json", "2.json", "1.json", "3.json"}, 2, "1.json: is shard 1 of 3, as is 1.json"},
        {{"2.json", "3.json", "seed.json"}, 2, "seed.json: seed differs from that of 2.json"},
        {{"2.json", "3.json", "other.json"}, 2, "other.json: scenario differs from that of 2.json"},
        {{"older.json"}, 2, "older.json: \"tool\" is \"shutdown-repro 0.0.9\", but must be"},
        {{"newer.json"}, 2, "newer.json: \"version\" is \"2.0\""},
        {{"negative.json"}, 2, "\"executions\" must be a count"},
        {{"strategy.json"}, 2, "must be the name of a strategy, not \"<b>\""},
        {{"schedule.json"}, 2, "is no schedule"},
        {{"rule.json"}, 2, "\"violations.1.rule\" names an unknown rule: \"\\x1b[2Jtimer-lost\""},
        {{"decisions.json"}, 2, "\"violations.1.decisions\" is less than the schedule has"},
        {{"shard.json"}, 2, "\"shard.number\" must be"},
        {{"2.json", "3.json", "stages.json"}, 3,
            "stages.json: its shard ran the strategies none, but that of 2.json ran sweep, phase, pct, random; run it "
            "again"},
        {{"cut.json"}, 2, "cut.json:"},
        {{"deep.json"}, 2, "nested deeper"},
        {{"utf8.json"}, 2, "utf8.json:1:"},
        {{"empty.json"}, 2, "not a report of shutdown-repro: it has no \"format\""},
        {{"none.json"}, 2, "cannot read none.json"},
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

TEST_CASE("merge escapes a hostile report, and holds no more of it than was sent") {
    folder here;
    json d = json::parse(
        run({"explore", "scope-disposal", "--executions", "150", "--shard", "1/1", "--json"}, {.in = here.path()}).out);
    std::string const attack = "\x1b]0;owned\a\xe2\x80\xae$(touch attacked)\n";
    json attacked;
    for (json& v : d["violations"]) {
        v["message"] = attack;
        if (!v.contains("shrunk")) continue;
        v["trace"] = attack;
        v["passes"] = {
            {"schedule", "default"}, {"decision", 1}, {"taken", attack}, {"instead", attack}, {"trace", attack}};
        attacked = v;
    }
    REQUIRE(attacked.is_object());
    attacked["decisions"] = 1'000'000'000'000; // only a number: no memory is allocated for it
    for (int n = 0; n < 1'000; ++n) {
        attacked["key"] = std::to_string(100 + n);
        d["violations"].push_back(attacked);
    }
    here.write("hostile.json", d.dump());
    result const r = run({"merge", "hostile.json"}, {.in = here.path()});
    INFO(r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("\\x1b]0;owned\\x07") && ContainsSubstring("shutdown-repro replay '"));
    CHECK(std::ranges::none_of(r.out, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; }));
    CHECK_THAT(r.out, !ContainsSubstring("\xe2\x80\xae"));

    for (json& v : d["violations"]) v["decisions"] = 1'000'000, v["schedule"] = "999999=1";
    here.write("long.json", d.dump());
    result const refused = run({"merge", "long.json"}, {.in = here.path()});
    CHECK(refused.status == 2);
    CHECK_THAT(refused.err,
        ContainsSubstring(".schedule\" is no schedule: those of a report have 10,000,000 decisions at most"));
}

TEST_CASE("an interrupted shard makes the whole inconclusive unless there was a violation") {
    folder here;
    for (std::string const part : {"1", "2"}) {
        json d = json::parse(run({"explore", "scope-disposal", "--policy", "drained", "--executions", "100", "--shard",
                                     part + "/2", "--json"},
            {.in = here.path()})
                                 .out);
        CHECK(d["verdict"] == "clean");
        d["interrupted"] = part == "2";
        here.write(part + ".json", d.dump());
    }
    result const r = run({"merge", "1.json", "2.json"}, {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 3);
    CHECK_THAT(r.out, ContainsSubstring("interrupted") && !ContainsSubstring("clean"));
}

TEST_CASE("GNU parallel runs the shards, and merge combines their reports") {
    if (run_line("parallel --version | grep -q GNU", "/").status != 0) {
        shutdown_repro::tests::skip(
            "there is no GNU parallel on this machine, so no shards were run by it (apt install parallel)");
        return;
    }
    folder here;
    result const r =
        run_line("parallel --will-cite -j 2 'shutdown-repro explore scope-disposal --executions 150 --shard {}/3 "
                 "--json > {}.json' ::: 1 2 3; shutdown-repro merge 1.json 2.json 3.json --json",
            here.path());
    INFO(r.err);
    CHECK(r.status == 1);
    result const one =
        run({"explore", "scope-disposal", "--executions", "150", "--shard", "1/1", "--json"}, {.in = here.path()});
    CHECK(essence(r.out) == essence(one.out));
}
