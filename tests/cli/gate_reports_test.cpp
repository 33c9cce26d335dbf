// The reports of a gate as they are asked for on the command line, and a gate in shards.
#include <filesystem>
#include <nlohmann/json.hpp>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

// One check that passes, one that fails, one whose name attacks, and two more.
std::string const gate = R"x({"format": "shutdown-repro/gate", "version": "1.0", "checks": [
  {"name": "drained is clean", "scenario": "scope-disposal", "policy": "drained", "expect": "clean"},
  {"name": "as reported", "scenario": "scope-disposal", "policy": "as-reported", "expect": "clean"},
  {"name": "::error::<b>&]]>", "scenario": "scope-disposal", "policy": "drained", "expect": "clean"},
  {"name": "finish is lost", "scenario": "lost-finish", "order": "client-first", "expect": {"violated": ["finish-event-lost"]}},
  {"name": "explored", "scenario": "scope-disposal", "policy": "drained", "strategy": "random", "executions": 50, "expect": "clean"}
]})x";

result run_gate(folder const& here, std::vector<std::string> more, std::map<std::string, std::string> environment = {}) {
    here.write("gate.json", gate);
    more.insert(more.begin(), {"gate", "gate.json"});
    return run(more, {.in = here.path(), .environment = std::move(environment)});
}

bool has(result const& r, std::string const& part) { return r.out.find(part) != r.out.npos; }

} // namespace

TEST_CASE("gate writes JUnit and SARIF beside its text, with what failed and where") {
    folder here;
    result const r = run_gate(here, {"--junit", "junit.xml", "--sarif", "gate.sarif"});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("4 passed, 1 failed"));
    CHECK_THAT(here.read("junit.xml"), ContainsSubstring(R"(tests="5" failures="1" errors="0")") && ContainsSubstring("name=\"as reported\"") && ContainsSubstring("type=\"stop-returned-early\"") &&
                                           ContainsSubstring("name=\"::error::&lt;b&gt;&amp;]]&gt;\""));
    json const run_of = json::parse(here.read("gate.sarif"))["runs"][0];
    CHECK(run_of["invocations"][0]["exitCode"] == 1);
    REQUIRE_FALSE(run_of["results"].empty());
    json const& first = run_of["results"][0];
    CHECK(first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "gate.json");
    CHECK(first["locations"][0]["physicalLocation"]["region"]["startLine"] == 3);
    // The flow leads through the lines of the trace that was kept.
    json const& step = first["codeFlows"][0]["threadFlows"][0]["locations"][0]["location"];
    std::string const trace = step["physicalLocation"]["artifactLocation"]["uri"];
    REQUIRE(here.has(trace));
    std::string const line = lines(here.read(trace)).at(step["physicalLocation"]["region"]["startLine"].get<std::size_t>() - 1);
    CHECK(step["message"]["text"].get<std::string>().starts_with("#" + json::parse(line)["seq"].dump() + " "));
}

TEST_CASE("gate --github annotates, keeps names from being commands, and appends to the step summary") {
    folder here;
    here.write("summary.md", "before\n");
    result const r = run_gate(here, {"--github"}, {{"GITHUB_STEP_SUMMARY", here.file("summary.md")}});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK(r.out.starts_with("::stop-commands::shutdown-repro-output-0-ends\n"));
    CHECK(has(r, "\n::shutdown-repro-output-0-ends::\n::error file=gate.json,line=3,title=as reported%3A failed::"));
    CHECK_THAT(here.read("summary.md"), ContainsSubstring("before\n### shutdown-repro gate: 4 checks passed, 1 not\n"));
}

TEST_CASE("gate --tap prints TAP and nothing else, and only one may have standard output") {
    folder here;
    result const r = run_gate(here, {"--tap"});
    CHECK(r.status == 1);
    CHECK(r.out.starts_with("TAP version 14\n1..5\nok 1 - drained is clean\n"));
    CHECK(has(r, "\nnot ok 2 - as reported\n"));
    result const both = run_gate(here, {"--tap", "--json"});
    CHECK(both.status == 2);
    CHECK_THAT(both.err, ContainsSubstring("--json, --github and --tap all print on standard output"));
}

TEST_CASE("a report that can't be written is told with its flag, and the verdict's exit status stays") {
    folder here;
    result const failed = run_gate(here, {"--junit", "/dev/full"});
    CHECK(failed.status == 1);
    CHECK_THAT(failed.err, ContainsSubstring("--junit: cannot write /dev/full: No space left on device"));
    CHECK_THAT(failed.out, ContainsSubstring("1 failed"));
    result const passed = run_gate(here, {"--only", "explored", "--sarif", "/dev/full"});
    CHECK(passed.status == 2); // clean, but what was asked for is not there
    result const same = run_gate(here, {"--junit", "report", "--sarif", "./report"});
    CHECK(same.status == 2);
    CHECK_THAT(same.err, ContainsSubstring("--junit and --sarif name one file, ./report"));
    result const early = run_gate(here, {"--junit", "reports/junit.xml"});
    CHECK(early.status == 2);
    CHECK(early.out.empty());
    CHECK_THAT(early.err, ContainsSubstring("--junit: there is no folder reports"));
}

TEST_CASE("a gate in shards, merged, is the gate: each check whole, in the file's order, with the same reports") {
    folder here;
    json const whole = json::parse(run_gate(here, {"--json"}).out);
    for (int n : {1, 2, 3, 7}) {
        std::vector<std::string> typed{"merge"};
        for (int i = n; i >= 1; --i) {
            std::string const name = std::to_string(i) + ".json";
            result const r = run_gate(here, {"--shard", std::to_string(i) + "/" + std::to_string(n), "--json"});
            INFO(r.err);
            CHECK(r.status == (i == std::min(2, n) ? 1 : 0));
            here.write(name, r.out);
            typed.push_back(name);
        }
        typed.insert(typed.end(), {"--json", "--junit", "junit.xml"});
        result const merged = run(typed, {.in = here.path()});
        INFO(merged.err);
        REQUIRE(merged.status == 1);
        json a = whole, b = json::parse(merged.out);
        for (json* d : {&a, &b})
            for (json& c : (*d)["checks"]) {
                c.erase("seconds");
                for (json& v : c["violations"]) v.erase("trace");
            }
        CHECK(a == b);
        CHECK_THAT(here.read("junit.xml"), ContainsSubstring(R"(tests="5" failures="1")"));
    }
}

TEST_CASE("merge refuses shards of a gate that are missing, of another gate, interrupted, or mixed with explorations") {
    folder here;
    here.write("1.json", run_gate(here, {"--shard", "1/2", "--json"}).out);
    here.write("2.json", run_gate(here, {"--shard", "2/2", "--json"}).out);
    here.write("all.json", run_gate(here, {"--json"}).out);
    here.write("explored.json", run({"explore", "scope-disposal", "--executions", "100", "--shard", "2/2", "--json"}, {.in = here.path()}).out);
    auto const changed = [&](char const* name, std::string const& pointer, json const& value) {
        json d = json::parse(here.read("2.json"));
        d[json::json_pointer(pointer)] = value;
        here.write(name, d.dump());
    };
    changed("names.json", "/shard/names/0", "other");
    changed("cut.json", "/interrupted", true);
    changed("lacks.json", "/checks", json::array());
    changed("outcome.json", "/checks/0/outcome", "fine");
    changed("count.json", "/checks/0/violations/0/count", 1e300);
    changed("type.json", "/checks/0/violations", "none");
    struct { std::vector<std::string> given; int status; std::string complaint; } const cases[] = {
        {{"1.json"}, 3, "of 2 shards these are missing: 2"},
        {{"1.json", "1.json", "2.json"}, 2, "is shard 1 of 2, and so is 1.json"},
        {{"1.json", "names.json"}, 2, "names.json: has another list of checks than 1.json"},
        {{"1.json", "cut.json"}, 3, "cut.json: its shard was interrupted"},
        {{"1.json", "lacks.json"}, 2, "lacks.json: lacks the check \"as reported\""},
        {{"1.json", "outcome.json"}, 2, "\"checks.1.outcome\""},
        {{"1.json", "count.json"}, 2, "count"},
        {{"1.json", "type.json"}, 2, "violations"},
        {{"all.json"}, 2, "all.json: is no report of a shard (gate --shard I/N --json)"},
        {{"1.json", "explored.json"}, 2, "explored.json: is no report of a gate"},
        {{"explored.json", "1.json"}, 2, "1.json: is no report of an exploration"},
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

TEST_CASE("a shard of a gate does not update the baseline, which needs all checks") {
    folder here;
    result const r = run_gate(here, {"--shard", "1/2", "--update-baseline"});
    CHECK(r.status == 2);
    CHECK_THAT(r.err, ContainsSubstring("--update-baseline needs all checks, and --shard leaves some to other shards"));
}
