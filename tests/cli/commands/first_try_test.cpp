// Tests what somebody is told who uses the program for the first time and takes it wrong.
#include <nlohmann/json.hpp>
#include "cli/report/target_report.hpp"
#include "repro/probe/controls.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/traces/story.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

using typed_words = std::vector<std::string>;

result run_command(typed_words options, typed_words const& command) {
    options.insert(options.begin(), {"run", "--probe", "silent", "--connections", "2"});
    options.emplace_back("--");
    options.insert(options.end(), command.begin(), command.end());
    return run(options);
}

std::string name_of(typed_words const& command) { return shutdown_repro::repro::target_from_command(command).name; }

using rule_counts = std::vector<std::pair<std::string, std::uint64_t>>;

// The report of one run of each of two probes, of which the first had this outcome.
std::string told_of(shutdown_repro::cli::probe_outcome const& outcome, rule_counts const& rules = {}) {
    shutdown_repro::cli::target_report r;
    r.target.name = "shop";
    for (char const* const name : {"in-flight", "idle"}) {
        shutdown_repro::cli::probe_result& p = r.probes.emplace_back();
        p.probe = name;
        p.runs = 1;
    }
    r.probes.front().outcome = outcome;
    r.probes.front().by_rule = rules;
    shutdown_repro::traces::text_style style;
    style.width = 120;
    return as_text(r, style);
}

} // namespace

TEST_CASE("an option of run that stands after the dashes is named, and the server gets it") {
    result const r =
        run_command({}, {"sh", "-c", "exec " HOSTILE_SERVER " polite $0", "{port}", "--slow=/x", "--json"});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(
        r.err, ContainsSubstring("note: --slow, --json after -- goes to the server; options of run come before --"));
    CHECK_THAT(r.out, ContainsSubstring("silent           ✓"));
    CHECK(run_command({}, {HOSTILE_SERVER, "polite", "{port}"}).err.empty());
}

TEST_CASE("a command without {port} is told how a server gets its port") {
    result const r = run_command({}, {HOSTILE_SERVER, "polite", "23987"});
    INFO(r.out << r.err);
    CHECK(r.status == 3);
    CHECK_THAT(r.err, ContainsSubstring("the command has no {port}: use env PORT={port} ..."));
    result const placed = run_command({}, {HOSTILE_SERVER, "exits", "{port}"});
    CHECK_THAT(placed.err, !ContainsSubstring("has no {port}"));
}

TEST_CASE("a command in quotes is told to be several words") {
    result const r = run_command({}, {HOSTILE_SERVER " polite {port}"});
    INFO(r.out << r.err);
    CHECK(r.status == 3);
    CHECK_THAT(r.err,
        ContainsSubstring("program and arguments have to be words of their own") &&
            ContainsSubstring("-- " HOSTILE_SERVER " polite"));
    CHECK_THAT(run_command({}, {"no-such-program {port}"}).err, !ContainsSubstring("words of their own"));
}

TEST_CASE("a server is named after the program behind env, sh, npx and other wrappers") {
    CHECK(name_of({"env", "PORT={port}", "-u", "HOME", "node", "api.js"}) == "node");
    CHECK(name_of({"/usr/bin/env", "-i", "nohup", "./shop", "{port}"}) == "shop");
    CHECK(name_of({"npx", "-y", "serve", "-l", "{port}"}) == "serve");
    CHECK(name_of({"sh", "start.sh", "{port}"}) == "start.sh");
    CHECK(name_of({"sh", "-c", "exec gunicorn shop:app"}) == "gunicorn");
    CHECK(name_of({"bash", "-ec", "cd shop; ./server"}) == "bash"); // more than one command
    CHECK(name_of({"timeout", "-s", "KILL", "60", "uv", "run", "python", "shop.py"}) == "python");
    CHECK(name_of({"python3", "shop.py"}) == "python3");
    CHECK(name_of({"env"}) == "env");
    CHECK(name_of({"env", "A=b"}) == "env");
    CHECK(name_of({"sh", "-c"}) == "sh");
    CHECK(name_of({"nice", "-n"}) == "nice");
}

TEST_CASE("a grace has a unit, and without one it is in milliseconds") {
    typed_words const server{HOSTILE_SERVER, "polite", "{port}"};
    CHECK_THAT(run_command({"--grace", "2s"}, server).out, ContainsSubstring("· grace 2.0 s ·"));
    CHECK_THAT(run_command({"--grace", "1500ms"}, server).out, ContainsSubstring("· grace 1.5 s ·"));
    CHECK_THAT(run_command({"--grace", "1500"}, server).out, ContainsSubstring("· grace 1.5 s ·"));
    for (std::string const wrong : {"2h", "s", "-1", "1.5", "2 s", "99999999999", "1e3", "nan"}) {
        result const r = run_command({"--grace", wrong}, server);
        INFO(wrong << r.err);
        CHECK(r.status == 2);
        CHECK_THAT(r.err, ContainsSubstring("must be a duration such as 500ms or 2s"));
    }
}

TEST_CASE("a path that needs longer than the grace, and a grace in which no server can exit, are not judged") {
    shutdown_repro::repro::target t;
    t.slow = {.path = "/export"};
    t.grace_ms = 700;
    shutdown_repro::repro::target_controls c;
    c.urls.push_back({.asked = {.path = "/export"},
        .answer = shutdown_repro::repro::answer_control{.status = 200},
        .took = 699'000'000});
    CHECK(shutdown_repro::repro::why_not_judged(c, t, "in-flight").empty());
    c.urls[0].took = 700'000'000;
    CHECK(shutdown_repro::repro::why_not_judged(c, t, "in-flight") ==
        "/export needs longer than the grace of 700 ms; raise --grace");
    c.urls[0].answer.reset();
    c.urls[0].took = 0;
    CHECK_THAT(
        shutdown_repro::repro::why_not_judged(c, t, "in-flight"), ContainsSubstring("needs longer than the grace"));
    CHECK(shutdown_repro::repro::why_not_judged(c, t, "silent").empty());
    c.at_rest.killed = true;
    CHECK(shutdown_repro::repro::why_not_judged(c, t, "silent").empty());
    t.grace_ms = 2;
    CHECK_THAT(shutdown_repro::repro::why_not_judged(c, t, "silent"),
        ContainsSubstring("longer than the grace of 2.0 ms; raise --grace"));
}

TEST_CASE("a document of another kind is named, with the command that takes it") {
    folder const here;
    here.write("api.json", R"({"format": "shutdown-repro/target", "version": "1.0", "name": "a", "command": ["a"]})");
    here.write("gate.json", R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": []})");
    here.write("mine.json", R"({"scenario": "mine"})");
    auto const told = [&](typed_words const& typed) {
        result const r = run(typed, {.in = here.path()});
        CHECK(r.status == 2);
        return r.err;
    };
    CHECK_THAT(told({"run", "api.json"}),
        ContainsSubstring("api.json is a target, not a scenario; use: shutdown-repro run --target api.json"));
    CHECK_THAT(told({"run", "--target", "gate.json"}),
        ContainsSubstring("gate.json is a gate, not a target; use: shutdown-repro gate gate.json"));
    CHECK_THAT(told({"run", "--target", "mine.json"}),
        ContainsSubstring("mine.json is a scenario, not a target; use: shutdown-repro run mine.json"));
    CHECK_THAT(told({"gate", "api.json"}), ContainsSubstring("use: shutdown-repro run --target api.json"));
    CHECK_THAT(told({"replay", "mine.json"}), ContainsSubstring("use: shutdown-repro run mine.json"));
}

TEST_CASE("a live trace can't be replayed, and the error has the command that helps, which works") {
    folder const here;
    REQUIRE(run({"run", "scope-disposal", "--trace", "f.jsonl"}, {.in = here.path()}).status == 1);
    std::string const told = run({"replay", "f.jsonl"}, {.in = here.path()}).err;
    INFO(told);
    std::string const begin = "replay that: ";
    std::size_t const at = told.find(begin);
    REQUIRE(at != told.npos);
    std::string const line = told.substr(at + begin.size(), told.find('\n', at) - at - begin.size());
    CHECK(line == "shutdown-repro run scope-disposal --world sim --trace f-sim.jsonl");
    CHECK(run_line(line, here.path()).status == 1);
    CHECK_THAT(run({"replay", "f-sim.jsonl"}, {.in = here.path()}).out, ContainsSubstring("are identical"));

    REQUIRE(run({"run", "--probe", "silent", "--connections", "2", "--trace", "r.jsonl", "--", HOSTILE_SERVER, "polite",
                    "{port}"},
                {.in = here.path()})
                .status == 0);
    for (std::string const what : {"replay", "shrink"})
        CHECK_THAT(run({what, "r.jsonl"}, {.in = here.path()}).err,
            ContainsSubstring("a real server can be run again: shutdown-repro run --probe silent --connections 2 -- "));
}

TEST_CASE("the rules of a row stand in the order of their severity, and a note is called one") {
    rule_counts const rules{
        {"close-not-announced", 1}, {"exit-status-misleading", 1}, {"connection-reset-inflight", 1}};
    CHECK_THAT(told_of({}, rules),
        ContainsSubstring("connection-reset-inflight · exit-status-misleading · note: close-not-announced\n"));
}

TEST_CASE("a row says how many of its clients were connected when the server was stopped, if not all were") {
    shutdown_repro::traces::story s;
    for (unsigned i = 1; i <= 3; ++i) {
        std::string const who = "client:" + std::to_string(i);
        s.tell("client.connect", who, {{"role", "in-flight"}});
        if (i < 3) s.tell("client.connected", who);
    }
    s.tell("process.signal", "process:1", {{"signal", "SIGTERM"}, {"stop", true}});
    s.tell("client.connected", "client:3");
    s.tell("client.connect", "client:4", {{"role", "late"}});
    shutdown_repro::cli::probe_outcome outcome = shutdown_repro::cli::outcome_of(s.told);
    CHECK_THAT(told_of(outcome),
        ContainsSubstring(
            "\n                   2 of 3 clients connected before the stop: is the accept queue full?\n"));
    outcome.connected = 3;
    CHECK_THAT(told_of(outcome), !ContainsSubstring("accept queue"));
}

TEST_CASE("an inconclusive row says its reason once") {
    result const r = run_command({}, {HOSTILE_SERVER, "closes", "{port}"});
    INFO(r.out << r.err);
    CHECK(r.status == 3);
    std::size_t const first = r.out.find("inconclusive: ");
    REQUIRE(first != r.out.npos);
    CHECK(r.out.find("inconclusive", first + 1) == r.out.npos);
    CHECK_THAT(r.out, !ContainsSubstring("1 of 1 runs"));
}
