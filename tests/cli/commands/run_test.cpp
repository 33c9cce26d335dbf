// Tests run and check: their findings, the traces they keep, and the commands they suggest.
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sched.h>
#include "cli/options/arguments.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/shell_line.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using shutdown_repro::cli::shell_line;
using json = nlohmann::json;

namespace {

std::string line_after(std::string const& text, std::string const& word) {
    for (std::string const& line : lines(text))
        if (line.starts_with(word)) return line.substr(line.find_first_not_of(' ', word.size()));
    return {};
}

std::vector<std::string> sim(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"run", "scope-disposal", "--world", "sim"});
    return more;
}

} // namespace

TEST_CASE("the report is reproduced by default: a live server aborts, and the live members of the scope are named") {
    folder const here;
    result const r = run({"run", "scope-disposal"}, {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK(r.err.empty());
    CHECK(lines(r.out)[0] == "scope-disposal · scoped server, as-reported · live · 2 requests");
    CHECK(line_after(r.out, "stop")
              .starts_with("by coroutine:")); // which of the two was accepted first is the kernel's choice
    CHECK_THAT(line_after(r.out, "stop"), ContainsSubstring(" (handler of GET /1) at #"));
    CHECK_THAT(r.out, ContainsSubstring("✗ scope-disposed-nonempty"));
    CHECK_THAT(r.out, ContainsSubstring("handler of GET /2, spawned at #"));
    CHECK_THAT(r.out, ContainsSubstring("    and so: assertion-failed, ") && ContainsSubstring("crash-on-stop"));
    CHECK_THAT(r.out, ContainsSubstring("1 of 1 executions violated · "));
    CHECK_THAT(r.out, ContainsSubstring(" · trace scope-disposal.jsonl\n"));
    CHECK(here.has("scope-disposal.jsonl"));
}

TEST_CASE("the report document of the first report has one defect, and each other violation names it as its root") {
    folder const here;
    result const r = run({"run", "scope-disposal", "--world", "sim", "--json"}, {.in = here.path()});
    INFO(r.out << r.err);
    json const report = json::parse(r.out);
    REQUIRE(r.status == 1);
    CHECK(report["defects"] == 1);
    for (json const& v : report["violations"]) {
        bool const is_root = v["rule"] == "scope-disposed-nonempty", before = v.contains("led_to");
        CHECK(is_root == (!before && !v.contains("caused_by")));
        if (!is_root) CHECK(v[before ? "led_to" : "caused_by"]["rule"] == "scope-disposed-nonempty");
    }
}

TEST_CASE("the command in the report reproduces reliably a bug that a random order showed") {
    folder const here;
    here.write("drawn.json", R"({"scenario": "drawn", "server": "reactor", "timer": "none"})");
    result const r = run({"run", "./drawn.json", "--repeat", "60"}, {.in = here.path()});
    INFO(r.out << r.err);
    REQUIRE(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("finish-event-lost") && !ContainsSubstring("60 of 60"));
    std::string const again = line_after(r.out, "again");
    CHECK_THAT(again, ContainsSubstring("--world sim") && !ContainsSubstring("--repeat"));
    result const same = run_line(again, here.path());
    CHECK(same.status == 1);
    CHECK_THAT(same.out, ContainsSubstring("finish-event-lost"));
}

TEST_CASE("each command that a report suggests does what it promises") {
    for (std::string const world : {"live", "sim"}) {
        folder const here;
        result const r =
            run({"run", "scope-disposal", "--world", world, "--set", "summary=don't $HOME"}, {.in = here.path()});
        INFO(r.out << r.err);
        REQUIRE(r.status == 1);
        result const why = run_line(line_after(r.out, "why"), here.path());
        CHECK(why.status == 0);
        CHECK_THAT(why.out, ContainsSubstring("scope-disposed-nonempty at #"));
        result const again = run_line(line_after(r.out, "again"), here.path());
        CHECK(again.status == 1);
        if (world == "sim") CHECK(again.out == r.out);
        result const fixed = run_line(line_after(r.out, "fixed?"), here.path());
        INFO(fixed.out << fixed.err);
        CHECK(fixed.status == 0);
        CHECK_THAT(fixed.out, ContainsSubstring("✓ clean"));
    }
}

TEST_CASE("words with special characters are quoted for a shell") {
    CHECK(shell_line({"run", "a b", "coroutine.suspend#2", "#x", "", "it's", "$HOME"}) ==
        "run 'a b' coroutine.suspend#2 '#x' '' 'it'\\''s' '$HOME'");
}

TEST_CASE("a simulated run repeats byte by byte") {
    folder const here;
    result const first = run(sim({"--trace", "1.jsonl"}), {.in = here.path()});
    run(sim({"--trace", "2.jsonl", "--schedule", "default"}), {.in = here.path()});
    REQUIRE(first.status == 1);
    CHECK(here.read("1.jsonl") == here.read("2.jsonl"));
    CHECK(here.read("1.jsonl").size() > 1000);
}

TEST_CASE("a given schedule is followed, reported, and can be typed again") {
    folder const here;
    result const r = run(sim({"--schedule", "0=1"}), {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(line_after(r.out, "again") == "shutdown-repro run scope-disposal --world sim --schedule 0=1");
    CHECK(
        json::parse(run(sim({"--schedule", "0=1", "--json"}), {.in = here.path()}).out)["violations"][0]["schedule"] ==
        "0=1");
}

TEST_CASE("clean, violated, inconclusive and diverged have different exit statuses") {
    CHECK(run(sim({"--policy", "drained"})).status == 0);
    CHECK(run(sim()).status == 1);
    result const open = run(sim({"--stop-at", "never", "--free-at", "never"}));
    CHECK(open.status == 3);
    CHECK_THAT(open.out, ContainsSubstring("? inconclusive"));
    result const diverged = run(sim({"--schedule", "0=77"}));
    CHECK(diverged.status == 6);
    CHECK_THAT(diverged.err, ContainsSubstring("--schedule: the execution diverged"));
    CHECK(run(sim({"--schedule", "4000=1"})).status == 6);
}

TEST_CASE("a trace is kept when there was a violation or when it was asked for") {
    folder const here;
    run(sim({"--policy", "drained"}), {.in = here.path()});
    CHECK_FALSE(here.has("scope-disposal.jsonl"));
    CHECK(run(sim({"--policy", "drained", "--trace", "clean.jsonl"}), {.in = here.path()}).status == 0);
    CHECK(here.has("clean.jsonl"));
    run(sim(), {.in = here.path()});
    CHECK(here.has("scope-disposal.jsonl"));
}

TEST_CASE("repeated runs give a rate, and the first violating trace is kept") {
    folder const here;
    result const r = run({"run", "scope-disposal", "--repeat", "3"}, {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("3 of 3 executions violated"));
    CHECK_THAT(r.out, ContainsSubstring("  3  scope-disposed-nonempty"));
    CHECK(line_after(r.out, "again") == "shutdown-repro run scope-disposal --repeat 3");
    CHECK(run({"check", here.file("scope-disposal.jsonl")}).status == 1);
    CHECK(json::parse(
              run(sim({"--repeat", "4", "--json"}), {.in = here.path()}).out)["rules"]["scope-disposed-nonempty"] == 4);
}

TEST_CASE("hundreds of violations are counted for people and listed for programs") {
    folder const here;
    result const r = run(sim({"--requests", "300"}), {.in = here.path()});
    CHECK(r.status == 1);
    CHECK(lines(r.out).size() < 80);
    CHECK_THAT(r.out, ContainsSubstring("and so: assertion-failed, crash-on-stop, connection-reset-inflight (299)"));
    CHECK_THAT(r.out, ContainsSubstring("1 defect, 6 rules broken"));
    CHECK(json::parse(run(sim({"--requests", "300", "--json"}), {.in = here.path()}).out)["violations"].size() > 299);
}

TEST_CASE("of several executions the report shows the first of the worst") {
    using namespace shutdown_repro;
    cli::run_report r;
    auto const add = [&](traces::verdict v, std::uint64_t events) {
        cli::judgement j;
        j.verdict = v;
        j.events = events;
        if (v == traces::verdict::violated) j.violations.push_back({.rule = "r", .level = traces::severity::error});
        if (v == traces::verdict::violated) j.violations.push_back({.rule = "r", .level = traces::severity::error});
        r.add({}, std::move(j), "");
    };
    add(traces::verdict::clean, 1);
    add(traces::verdict::clean, 2);
    CHECK(r.judged.events == 1);
    add(traces::verdict::inconclusive, 3);
    CHECK(r.judged.events == 3);
    CHECK(r.verdict() == traces::verdict::inconclusive);
    add(traces::verdict::violated, 4);
    add(traces::verdict::violated, 5);
    add(traces::verdict::clean, 6);
    CHECK(r.judged.events == 4);
    CHECK(r.verdict() == traces::verdict::violated);
    CHECK(r.violated == 2);
    CHECK(r.by_rule == decltype(r.by_rule){{"r", 2}}); // executions, not violations
}

TEST_CASE("with --json standard output is always exactly one document") {
    folder const here;
    here.write("cut.jsonl",
        "{\"format\":\"shutdown-repro/"
        "trace\",\"version\":\"1.0\"}\n{\"seq\":0,\"t\":0,\"kind\":\"scope.open\",\"id\":\"scope:1\"}\n");
    struct {
        std::vector<std::string> typed;
        std::string verdict;
        int status;
    } const cases[] = {
        {{"run", "scope-disposal"}, "violated", 1}, {sim(), "violated", 1}, {sim({"--policy", "drained"}), "clean", 0},
        {sim({"--stop-at", "never", "--free-at", "never"}), "inconclusive", 3},
        {sim({"--trace", "/dev/full"}), "violated", 2}, {sim({"--trace", "no/folder/t"}), "error", 2},
        {sim({"--schedule", "0=77"}), "error", 6}, {{"run", "scope-disposl"}, "error", 2},
        {{"run", "scope-disposal", "--server", "/nonexistent"}, "error", 2},
        {{"check", "cut.jsonl"}, "inconclusive", 3}, {{"check", "missing.jsonl"}, "error", 2},
        {{"check", "cut.jsonl", "scope-disposal.jsonl"}, "violated", 1}, // kept by the first of these runs
    };
    for (auto const& c : cases) {
        auto typed = c.typed;
        typed.push_back("--json");
        result const r = run(typed, {.in = here.path()});
        INFO(shell_line(typed) << "\n" << r.out << r.err);
        CHECK(r.status == c.status);
        REQUIRE(json::accept(r.out)); // a second document would be trailing text
        json const d = json::parse(r.out);
        CHECK(d["format"] == "shutdown-repro/report");
        CHECK(d["version"] == "1.0");
        CHECK(d["verdict"] == c.verdict);
        CHECK(d["violations"].is_array());
        CHECK(d["violations"].empty() == (c.verdict != "violated"));
        CHECK((c.verdict == "error" || c.status == 2) == !r.err.empty());
    }
}

TEST_CASE("a violation in the document has its place, its subject and its replay command") {
    folder const here;
    json const d = json::parse(run(sim({"--json"}), {.in = here.path()}).out);
    CHECK(d["scenario"] == "scope-disposal");
    CHECK(d["policy"] == "as-reported");
    CHECK(d["world"] == "sim");
    CHECK(d["executions"] == 1);
    CHECK(d["trace"] == "scope-disposal.jsonl");
    auto const found = std::find_if(d["violations"].begin(), d["violations"].end(),
        [](json const& v) { return v["rule"] == "scope-disposed-nonempty"; });
    REQUIRE(found != d["violations"].end());
    CHECK((*found)["severity"] == "error");
    CHECK((*found)["subject"].get<std::string>().starts_with("scope:"));
    CHECK((*found)["witness"].back() == (*found)["at"]);
    CHECK((*found)["schedule"] == "default");
    CHECK_THAT((*found)["inside"][0].get<std::string>(), ContainsSubstring("handler of GET /2"));
    CHECK(run_line((*found)["replay"], here.path()).status == 1);
}

TEST_CASE("check judges each trace, even from standard input, and exits with the worst status") {
    folder const here;
    run(sim({"--trace", "bad.jsonl"}), {.in = here.path()});
    run(sim({"--trace", "good.jsonl", "--policy", "drained"}), {.in = here.path()});
    std::string const good = here.read("good.jsonl");
    here.write("cut.jsonl", good.substr(0, good.size() / 2));
    CHECK(run({"check", "good.jsonl"}, {.in = here.path()}).status == 0);
    CHECK(run({"check", "good.jsonl", "cut.jsonl"}, {.in = here.path()}).status == 3);
    result const all = run({"check", "good.jsonl", "cut.jsonl", "bad.jsonl"}, {.in = here.path()});
    CHECK(all.status == 1);
    CHECK_THAT(all.out, ContainsSubstring("1 of 3 traces violated"));
    CHECK_THAT(all.out, ContainsSubstring("shutdown-repro inspect bad.jsonl --explain"));
    CHECK(run({"check", "-"}, {.in = here.path(), .input = good}).status == 0);
}

TEST_CASE("a rule that could not judge is reported and does not pass silently") {
    folder const here;
    here.write("foreign.jsonl",
        "{\"format\":\"shutdown-repro/trace\",\"version\":\"1.0\",\"observes\":[\"process\"]}\n"
        "{\"seq\":0,\"t\":0,\"kind\":\"process.signal\",\"id\":\"process:1\",\"detail\":{\"signal\":\"SIGTERM\"}}\n"
        "{\"seq\":1,\"t\":9,\"kind\":\"process.exit\",\"id\":\"process:1\",\"detail\":{\"status\":0}}\n"
        "{\"footer\":true,\"events\":2,\"dropped\":0,\"outcome\":{\"status\":0}}\n");
    result const r = run({"check", "foreign.jsonl"}, {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("not applicable"));
    json const d = json::parse(run({"check", "--json", "foreign.jsonl"}, {.in = here.path()}).out);
    CHECK(d["traces"][0]["not_applicable"].size() > 3);
}

TEST_CASE("a scenario of scopes only runs in the simulated world, and is refused in the live one") {
    folder const here;
    here.write(
        "cell.json", R"({"scenario": "cell", "server": "scopes", "acts": ["park", "throw_cancel"], "owner": "owns"})");
    result const r = run({"run", "./cell.json", "--world", "sim"}, {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK(lines(r.out)[0] == "cell · scopes alone · sim · 2 handlers");
    CHECK(line_after(r.out, "fixed?").empty()); // there is no policy to change
    CHECK_THAT(run({"run", "./cell.json"}, {.in = here.path()}).err, ContainsSubstring("--world sim"));
}

namespace {

// Returns the server, which is its only child, or "" when it exited without one.
std::string server_of(program const& p) {
    std::string const id = std::to_string(p.id());
    for (std::string child; p.runs(); sched_yield())
        if (child = slurp("/proc/" + id + "/task/" + id + "/children"); !child.empty()) return child;
    return {};
}

std::vector<std::string> const endless{"run", "scope-disposal", "--stop-at", "never", "--free-at", "never"};

} // namespace

TEST_CASE("an interrupted run ends its server, keeps the partial trace and dies of the signal") {
    folder const here;
    program interrupted(endless, {.in = here.path()});
    std::string const server = server_of(interrupted);
    kill(interrupted.id(), SIGINT);
    result const r = interrupted.wait();
    INFO(r.out << r.err << "server " << server);
    CHECK(r.status == 128 + SIGINT);
    CHECK_THAT(r.err, ContainsSubstring("interrupted"));
    REQUIRE_FALSE(server.empty());
    CHECK(kill(std::stoi(server), 0) != 0);
}

TEST_CASE("a file that is opened later never becomes a closed standard output") {
    program closed(endless, {.standard_output = stream_is::closed});
    bool const runs = !server_of(closed).empty();
    std::error_code none;
    std::string const output =
        std::filesystem::read_symlink("/proc/" + std::to_string(closed.id()) + "/fd/1", none).string();
    kill(closed.id(), SIGINT);
    closed.wait();
    CHECK(runs);
    CHECK(output == "/dev/null");
}
