// Tests run --target.
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include "cli/report/target_report.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/repro/live/live_tools.hpp"
#include "tests/repro/probe/installed.hpp"

using namespace shutdown_repro::cli_tests;
using shutdown_repro::handle_of_process;
using shutdown_repro::readable_in_time;
using shutdown_repro::wait_for_change;

namespace {

std::vector<std::string> target(std::vector<std::string> options, std::vector<std::string> const& command) {
    options.insert(options.begin(), "run");
    options.push_back("--");
    options.insert(options.end(), command.begin(), command.end());
    return options;
}

std::vector<std::string> hostile(std::string const& how) { return {HOSTILE_SERVER, how, "{port}"}; }

// Runs a server that writes its process id into the folder, and sends a signal to the program once it has.
struct cut_short {
    result r;
    bool server_ended;
    std::string kept; // path of the kept trace
};
cut_short cut(int signal) {
    folder const here;
    program p(target({"--probe", "idle", "--grace", "60000"},
                  {"/bin/sh", "-c", "echo $$ > pid; exec " HOSTILE_SERVER " ignores {port}"}),
        {.in = here.path()});
    REQUIRE(wait_for_change(here.path(), [&] { return here.has("pid") && here.read("pid").ends_with('\n'); }));
    auto const server = handle_of_process(std::stoi(here.read("pid")));
    REQUIRE(server);
    kill(p.id(), signal);
    result const r = p.wait();
    return {r, readable_in_time(server.get()), here.has("sh-idle.jsonl") ? here.read("sh-idle.jsonl") : ""};
}

} // namespace

TEST_CASE("a command can be a target, and a server that stops correctly is clean") {
    folder const here;
    result const r = run(target({"--probe", "idle,silent"}, hostile("polite")), {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("hostile-server · SIGTERM · grace 10 s · 1 run a probe, 20 connections each"));
    CHECK_THAT(r.out, ContainsSubstring("idle             ✓"));
    CHECK_THAT(r.out, ContainsSubstring("0 of 2 executions violated"));
}

TEST_CASE("a command after the dashes is enough to name a server, and an empty --target before it changes nothing") {
    folder const here;
    std::vector<std::string> const rest = {"--probe", "idle", "--connections", "2", "--json"};
    for (std::vector<std::string> words :
        {std::vector<std::string>{"run"}, {"run", "--target"}, {"--color=never", "run"}}) {
        words.insert(words.end(), rest.begin(), rest.end());
        words.insert(words.end(), {"--", HOSTILE_SERVER, "polite", "{port}"});
        result const r = run(words, {.in = here.path()});
        INFO(r.out << r.err);
        CHECK(r.status == 0);
        CHECK_THAT(r.out, ContainsSubstring("\"target\": \"hostile-server\""));
    }
}

TEST_CASE("a server that ignores its signal is a violation, its trace is kept and the replay command printed") {
    folder const here;
    result const r =
        run(target({"--probe", "idle", "--grace", "200", "--connections", "2", "--repeat", "2"}, hostile("ignores")),
            {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("killed after 2"));
    CHECK_THAT(r.out, ContainsSubstring("stop-signal-unhandled 2 of 2 runs (34 to 100 %)"));
    CHECK_THAT(r.out,
        ContainsSubstring("again     shutdown-repro run --probe idle --grace 200 --connections 2 --repeat 2 -- "));
    CHECK_THAT(r.out, ContainsSubstring("inspect hostile-server-idle.jsonl --explain"));
    CHECK(run({"check", "hostile-server-idle.jsonl"}, {.in = here.path()}).status == 1);
}

TEST_CASE("the table says why a probe can't be run against the target") {
    folder const here;
    result const r = run(target({"--connections", "2"}, hostile("polite")), {.in = here.path()});
    INFO(r.out << r.err);
    CHECK_THAT(r.out, ContainsSubstring("in-flight        - not run: it has no slow URL"));
    CHECK_THAT(r.out, ContainsSubstring("stream           - not run: it has no endless response"));
}

TEST_CASE("probes that were not run do not change the result of the others, and give no result by themselves") {
    using shutdown_repro::traces::verdict;
    shutdown_repro::cli::target_report report;
    report.probes.resize(2);
    report.probes[0].skipped = "it has no slow URL";
    report.probes[1].runs = 1;
    CHECK(report.verdict() == verdict::clean);
    report.probes[1].violated = 1;
    CHECK(report.verdict() == verdict::violated);
    report.probes[1].skipped = "it has no endless response";
    CHECK(report.verdict() == verdict::inconclusive);
}

TEST_CASE("a violated probe that lost no request begins its row with what failed") {
    shutdown_repro::cli::target_report report;
    auto& p = report.probes.emplace_back();
    p.probe = "idle";
    p.runs = p.violated = 1;
    p.answered = 20;
    p.by_rule = {{"drain-starved", 1}};
    auto const text = [&] { return as_text(report, shutdown_repro::traces::text_style{.width = 80}); };
    CHECK_THAT(text(), ContainsSubstring("drain-starved\n                   20 of 20 answered, not stopped\n"));
    p.violated = 0;
    CHECK_THAT(text(), ContainsSubstring("20 of 20 answered, not stopped\n                   drain-starved\n"));
    p.violated = p.lost = 1;
    CHECK_THAT(text(), ContainsSubstring("1 of 21 lost, not stopped\n                   drain-starved\n"));
}

TEST_CASE("the report of a target names each probe, its runs and its rates") {
    folder const here;
    result const r =
        run(target({"--probe", "idle,silent", "--grace", "200", "--connections", "2", "--json"}, hostile("ignores")),
            {.in = here.path()});
    CHECK(r.status == 1);
    auto const d = nlohmann::json::parse(r.out);
    CHECK(d["format"] == "shutdown-repro/report");
    CHECK(d["verdict"] == "violated");
    CHECK(d["target"] == "hostile-server");
    CHECK(d["stop"] == "SIGTERM");
    REQUIRE(d["probes"].size() == 2);
    CHECK(d["probes"][0]["probe"] == "idle");
    CHECK(d["probes"][0]["runs"] == 1);
    CHECK(d["probes"][0]["killed"] == true);
    CHECK(d["probes"][0]["rules"]["stop-signal-unhandled"]["runs"] == 1);
    CHECK(d["violations"][0]["probe"] == "idle");
}

TEST_CASE("the report names the moments of a start at which the server was stopped, as text and as JSON") {
    folder const here;
    result const r = run(target({"--probe", "startup"}, hostile("polite")), {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("stopped right after exec"));
    CHECK_THAT(r.out, ContainsSubstring("not stopped when it had forked a process: the start has no"));
    auto const report = nlohmann::json::parse(
        run(target({"--probe", "startup", "--json"}, hostile("polite")), {.in = here.path()}).out);
    auto const& moments = report["probes"][0]["moments"];
    CHECK(moments[0] == nlohmann::json{{"when", "right after exec"}, {"stopped", true}});
    CHECK(moments[1]["stopped"] == false);
}

TEST_CASE("the report shows what the server does without a client and without a stop, as text and as JSON") {
    folder const here;
    std::vector<std::string> const options = {"--probe", "idle", "--connections", "2"};
    result const text = run(target(options, hostile("polite")), {.in = here.path()});
    CHECK(text.status == 0);
    CHECK_THAT(text.out,
        ContainsSubstring("control, no clients: exit ") && ContainsSubstring(", status 0 · /: 200, 2 bytes, "));
    std::vector<std::string> as_json = options;
    as_json.push_back("--json");
    auto const d = nlohmann::json::parse(run(target(as_json, hostile("polite")), {.in = here.path()}).out);
    CHECK(d["controls"]["at_rest"]["ended"] == "status 0");
    REQUIRE(d["controls"]["urls"].size() == 1);
    CHECK(d["controls"]["urls"][0]["status"] == 200);
    CHECK(d["controls"]["urls"][0]["same_bytes"] == true);
}

TEST_CASE("a probe that can't be judged without a stop is not run, and the exit status says inconclusive") {
    folder const here;
    result const r = run(target({"--probe", "idle", "--connections", "2"}, hostile("no-http")), {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 3);
    CHECK_THAT(r.out, ContainsSubstring("not run: the server's response is not HTTP"));
}

TEST_CASE("a target that does not start is inconclusive, and its output is reported") {
    result const r = run(target({"--probe", "idle"}, hostile("exits")));
    CHECK(r.status == 3);
    CHECK(r.out.empty());
    CHECK_THAT(r.err, ContainsSubstring("hostile-server did not start: it exited with status 7; its output:"));
    CHECK_THAT(r.err, ContainsSubstring("no config"));
}

TEST_CASE("a run that does not start does not change the results of other runs of the probe, whichever comes first") {
    folder const here;
    // The starts of the controls, which may be many, are not counted.
    auto const with_bad_start = [&](char const* which, char const* repeat) {
        std::filesystem::remove(here.file("starts"));
        std::filesystem::remove(here.file("asked"));
        here.write("server.sh",
            std::string("[ -e asked ] && echo start >> starts; [ -e starts ] && [ $(wc -l < starts) = ") + which +
                " ] && echo not now >&2 && exit 7; ASKED=asked exec " HOSTILE_SERVER " polite $1");
        return run(target({"--probe", "idle,silent", "--connections", "2", "--repeat", repeat},
                       {"/bin/sh", "server.sh", "{port}"}),
            {.in = here.path()});
    };
    CHECK(with_bad_start("2", "1").status == 3);
    result const twice = with_bad_start("3", "2");
    INFO(twice.out << twice.err);
    CHECK(twice.status == 3);
    auto const row = twice.out.substr(std::min(twice.out.find("silent  "), twice.out.size()));
    CHECK_THAT(row, ContainsSubstring("status 0"));
    CHECK_THAT(row, ContainsSubstring("1 of 2 runs inconclusive"));
    CHECK_THAT(row, ContainsSubstring("server.sh did not start: it"));
}

TEST_CASE("presets and probes are listed") {
    result const targets = run({"list", "targets"});
    for (char const* name : {"nginx", "apache2", "haproxy", "node", "aiohttp", "uvicorn", "mojolicious",
             "mojolicious-prefork", "gunicorn", "puma", "uwsgi", "haproxy-master", "nginx-upgrade"})
        CHECK_THAT(targets.out, ContainsSubstring(name));
    CHECK_THAT(targets.out, ContainsSubstring("--act"));
    CHECK_THAT(targets.out, ContainsSubstring("tried with 18, 20"));
    CHECK_THAT(run({"list", "probes"}).out, ContainsSubstring("backlog-frozen"));
}

TEST_CASE("the preset of node reaches its backend where localhost is ::1 alone") {
    if (!shutdown_repro::tests::installed("node")) return;
    folder const here;
    here.write("hosts", "::1 localhost\n");
    how const there{.in = here.path()};
    auto const with_hosts = [&](std::vector<std::string> command) {
        command.insert(command.begin(), {"-m", "sh", "-c", "mount --bind hosts /etc/hosts && exec \"$@\"", "sh"});
        return program(command, there, "/usr/bin/unshare").wait();
    };
    if (with_hosts({"true"}).status != 0)
        return shutdown_repro::tests::skip("/etc/hosts can't be replaced for one process here, which needs root");
    result const r = with_hosts({SHUTDOWN_REPRO, "run", "--target", "node", "--probe", "in-flight"});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("20 of 20 answered"));
}

TEST_CASE("Ctrl-C during a probe ends the server and this program, and the partial trace is kept and inconclusive") {
    cut_short const c = cut(SIGINT);
    CHECK(c.r.status == 128 + SIGINT);
    CHECK_THAT(c.r.err, ContainsSubstring("interrupted; the trace so far is in sh-idle.jsonl"));
    CHECK_THAT(
        c.kept, ContainsSubstring("\"process.start\"") && ContainsSubstring("\"note\":\"interrupted by SIGINT\""));
    CHECK(c.server_ended);
}

TEST_CASE("no server survives when this program is killed") { CHECK(cut(SIGKILL).server_ended); }
