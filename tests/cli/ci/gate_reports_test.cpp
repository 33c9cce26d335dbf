// Tests the reports of a gate that command line options ask for.
#include <filesystem>
#include <nlohmann/json.hpp>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

// One check passes, one fails, one has a hostile name, and there are two more.
std::string const gate = R"x({"format": "shutdown-repro/gate", "version": "1.0", "checks": [
  {"name": "drained is clean", "scenario": "scope-disposal", "policy": "drained", "expect": "clean"},
  {"name": "as reported", "scenario": "scope-disposal", "policy": "as-reported", "expect": "clean"},
  {"name": "::error::<b>&]]>", "scenario": "scope-disposal", "policy": "drained", "expect": "clean"},
  {"name": "finish is lost", "scenario": "lost-finish", "order": "client-first", "expect": {"violated": ["finish-event-lost"]}},
  {"name": "explored", "scenario": "scope-disposal", "policy": "drained", "strategy": "random", "executions": 50, "expect": "clean"}
]})x";

result run_gate(
    folder const& here, std::vector<std::string> more, std::map<std::string, std::string> environment = {}) {
    here.write("gate.json", gate);
    more.insert(more.begin(), {"gate", "gate.json"});
    return run(more, {.in = here.path(), .environment = std::move(environment)});
}

bool has(result const& r, std::string const& part) { return r.out.find(part) != r.out.npos; }

} // namespace

TEST_CASE("gate writes JUnit and SARIF reports that name each failure and its place") {
    folder here;
    result const r = run_gate(here, {"--junit", "junit.xml", "--sarif", "gate.sarif"});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("4 passed, 1 failed"));
    CHECK_THAT(here.read("junit.xml"),
        ContainsSubstring(R"(tests="5" failures="1" errors="0")") && ContainsSubstring("name=\"as reported\"") &&
            ContainsSubstring("type=\"scope-disposed-nonempty\"") &&
            ContainsSubstring("name=\"::error::&lt;b&gt;&amp;]]&gt;\""));
    json const run_of = json::parse(here.read("gate.sarif"))["runs"][0];
    CHECK(run_of["invocations"][0]["exitCode"] == 1);
    REQUIRE_FALSE(run_of["results"].empty());
    json const& first = run_of["results"][0];
    CHECK(first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "gate.json");
    CHECK(first["locations"][0]["physicalLocation"]["region"]["startLine"] == 3);
    // The code flow refers to lines of the kept trace.
    json const& step = first["codeFlows"][0]["threadFlows"][0]["locations"][0]["location"];
    std::string const trace = step["physicalLocation"]["artifactLocation"]["uri"];
    REQUIRE(here.has(trace));
    std::string const line =
        lines(here.read(trace)).at(step["physicalLocation"]["region"]["startLine"].get<std::size_t>() - 1);
    CHECK(step["message"]["text"].get<std::string>().starts_with("#" + json::parse(line)["seq"].dump() + " "));
}

TEST_CASE("gate --github prints annotations, escapes names that look like commands, and appends to the step summary") {
    folder here;
    here.write("summary.md", "before\n");
    result const r = run_gate(here, {"--github"}, {{"GITHUB_STEP_SUMMARY", here.file("summary.md")}});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK(r.out.starts_with("::stop-commands::shutdown-repro-output-0-ends\n"));
    CHECK(has(r, "\n::shutdown-repro-output-0-ends::\n::error file=gate.json,line=3,title=as reported%3A failed::"));
    CHECK_THAT(here.read("summary.md"), ContainsSubstring("before\n### shutdown-repro gate: 4 checks passed, 1 not\n"));
}

TEST_CASE("gate --tap prints only TAP, and only one report can go to standard output") {
    folder here;
    result const r = run_gate(here, {"--tap"});
    CHECK(r.status == 1);
    CHECK(r.out.starts_with("TAP version 14\n1..5\nok 1 - drained is clean\n"));
    CHECK(has(r, "\nnot ok 2 - as reported\n"));
    result const both = run_gate(here, {"--tap", "--json"});
    CHECK(both.status == 2);
    CHECK_THAT(both.err, ContainsSubstring("--json, --github and --tap all print on standard output"));
}

TEST_CASE(
    "a report that can't be written is an error that names its option, and the exit status of the verdict stays") {
    folder here;
    result const failed = run_gate(here, {"--junit", "/dev/full"});
    CHECK(failed.status == 1);
    CHECK_THAT(failed.err, ContainsSubstring("--junit: cannot write /dev/full: No space left on device"));
    CHECK_THAT(failed.out, ContainsSubstring("1 failed"));
    result const passed = run_gate(here, {"--only", "explored", "--sarif", "/dev/full"});
    CHECK(passed.status == 2); // clean, but a requested report is missing
    result const same = run_gate(here, {"--junit", "report", "--sarif", "./report"});
    CHECK(same.status == 2);
    CHECK_THAT(same.err, ContainsSubstring("--junit and --sarif name the same file, ./report"));
    for (std::string const flag : {"--junit", "--sarif"})
        for (std::string const read : {"gate.json", "./gate.baseline.json"}) {
            result const replacing = run_gate(here, {flag, read, "--update-baseline"});
            CHECK(replacing.status == 2);
            CHECK_THAT(
                replacing.err, ContainsSubstring(flag + ": the output would replace " + read + ", which is an input"));
            CHECK(here.read("gate.json") == gate);
            CHECK_FALSE(here.has("gate.baseline.json"));
        }
    result const early = run_gate(here, {"--junit", "reports/junit.xml"});
    CHECK(early.status == 2);
    CHECK(early.out.empty());
    CHECK_THAT(early.err, ContainsSubstring("--junit: there is no folder reports"));
}

TEST_CASE("a report never replaces a scenario or a report that is an input") {
    folder here;
    here.write("mine.json", slurp(SOURCE_DIR "/tests/fuzz/corpus/scenario/late-free.json"));
    std::string const before = here.read("mine.json");
    here.write("gate.json",
        R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [{"scenario": "mine.json", "expect": "clean"}]})");
    result const r = run({"gate", "gate.json", "--junit", "mine.json"}, {.in = here.path()});
    INFO(r.err);
    CHECK(r.status == 2);
    CHECK(here.read("mine.json") == before);
    here.write("1.json", run_gate(here, {"--shard", "1/1", "--json"}).out);
    CHECK(run({"merge", "1.json", "--sarif", "1.json"}, {.in = here.path()}).status == 2);
}

TEST_CASE("a gate that can't be run says why in every report, so that no report of the last run is mistaken for it") {
    folder here;
    here.write("gate.json", "{\n\"format\": \"shutdown-repro/gate\", \"version\": \"1.0\",\n\"checks\": 7}");
    here.write("old.xml", "<?xml version=\"1.0\"?><testsuites/>");
    result const r =
        run({"gate", "gate.json", "--github", "--junit", "old.xml", "--sarif", "old.sarif"}, {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 2);
    CHECK_THAT(r.err, ContainsSubstring("gate.json:3: \"checks\" must be"));
    CHECK(has(r, "\n::error file=gate.json,line=3,title=the gate can be run%3A inconclusive::"));
    CHECK_THAT(here.read("old.xml"),
        ContainsSubstring(R"(tests="1" failures="0" errors="1")") &&
            ContainsSubstring("gate.json:3: &quot;checks&quot; must be"));
    json const invocation = json::parse(here.read("old.sarif"))["runs"][0]["invocations"][0];
    CHECK(invocation["executionSuccessful"] == false);
    CHECK(invocation["exitCode"] == 2);
    here.write("notes.txt", "mine");
    CHECK(run({"gate", "gate.json", "--junit", "notes.txt"}, {.in = here.path()}).status == 2);
    CHECK(here.read("notes.txt") == "mine");
    CHECK_THAT(run({"gate", "none.json", "--tap"}, {.in = here.path()}).out, ContainsSubstring("not ok 1"));
}

TEST_CASE("annotations and SARIF name files relative to the top of the repository, wherever the gate is run") {
    folder here;
    std::filesystem::create_directory(here.file("server"));
    std::filesystem::create_directory(here.file("ci"));
    here.write("server/gate.json", gate);
    auto const in_server = [&](std::string const& workspace) {
        return run({"gate", "gate.json", "--github", "--sarif", "gate.sarif"},
            {.in = here.file("server"), .environment = {{"GITHUB_WORKSPACE", workspace}}});
    };
    auto const artifact = [&](std::string const& report) {
        return json::parse(
            here.read(report))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    };
    CHECK_THAT(in_server(here.path()).out, ContainsSubstring("::error file=server/gate.json,line=3"));
    CHECK(artifact("server/gate.sarif")["uri"] == "server/gate.json");
    CHECK_THAT(in_server("").out, ContainsSubstring("::error file=gate.json,line=3"));
    run({"gate", "../server/gate.json", "--sarif", "gate.sarif"},
        {.in = here.file("ci"), .environment = {{"GITHUB_WORKSPACE", ""}}});
    std::string const outside = artifact("ci/gate.sarif")["uri"];
    CHECK((outside.starts_with("file:///") && outside.ends_with("/server/gate.json")));
}
