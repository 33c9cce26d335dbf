// run --target, as it is typed.
#include <csignal>
#include <nlohmann/json.hpp>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/repro/live_tools.hpp"

using namespace shutdown_repro::cli_tests;
using shutdown_repro::handle_of_process;
using shutdown_repro::readable_in_time;
using shutdown_repro::wait_for_change;

namespace {

std::vector<std::string> target(std::vector<std::string> options, std::vector<std::string> const& command) {
    options.insert(options.begin(), {"run", "--target"});
    options.push_back("--");
    options.insert(options.end(), command.begin(), command.end());
    return options;
}

std::vector<std::string> hostile(std::string const& how) { return {HOSTILE_SERVER, how, "{port}"}; }

// Runs a server that leaves its process id in the folder, and does something to us once it is there.
struct cut_short {
    result r;
    bool server_ended;
};
cut_short cut(int signal) {
    folder const here;
    program p(target({"--probe", "idle", "--grace", "60000"}, {"/bin/sh", "-c", "echo $$ > pid; exec " HOSTILE_SERVER " ignores {port}"}), {.in = here.path()});
    REQUIRE(wait_for_change(here.path(), [&] { return here.has("pid") && here.read("pid").ends_with('\n'); }));
    auto const server = handle_of_process(std::stoi(here.read("pid")));
    REQUIRE(server);
    kill(p.id(), signal);
    result const r = p.wait();
    return {r, readable_in_time(server.get())};
}

} // namespace

TEST_CASE("a command is a target, and a server that stops when it is told to is clean") {
    folder const here;
    result const r = run(target({"--probe", "idle,silent"}, hostile("polite")), {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("hostile-server · SIGTERM · grace 10 s · 1 run a probe, 20 connections each"));
    CHECK_THAT(r.out, ContainsSubstring("idle             ✓"));
    CHECK_THAT(r.out, ContainsSubstring("0 of 2 executions violated"));
}

TEST_CASE("a server that ignores its signal is violated, its trace is kept and judged alike, and the command to see it again is told") {
    folder const here;
    result const r = run(target({"--probe", "idle", "--grace", "200", "--connections", "2", "--repeat", "2"}, hostile("ignores")), {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("killed after 2"));
    CHECK_THAT(r.out, ContainsSubstring("stop-signal-unhandled 2 of 2 runs (34 to 100 %)"));
    CHECK_THAT(r.out, ContainsSubstring("again     shutdown-repro run --target --probe idle --grace 200 --connections 2 --repeat 2 -- "));
    CHECK_THAT(r.out, ContainsSubstring("inspect hostile-server-idle.jsonl --explain"));
    CHECK(run({"check", "hostile-server-idle.jsonl"}, {.in = here.path()}).status == 1);
}

TEST_CASE("what a target can't be probed for is said in the table and no reason to fail") {
    folder const here;
    result const r = run(target({"--connections", "2"}, hostile("polite")), {.in = here.path()});
    INFO(r.out << r.err);
    CHECK_THAT(r.out, ContainsSubstring("in-flight        - not run: it has no slow URL"));
    CHECK_THAT(r.out, ContainsSubstring("stream           - not run: it has no endless response"));
    CHECK(r.status != 2);
}

TEST_CASE("the report of a target names each probe, its runs and its rates") {
    folder const here;
    result const r = run(target({"--probe", "idle,silent", "--grace", "200", "--connections", "2", "--json"}, hostile("ignores")), {.in = here.path()});
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

TEST_CASE("a target that does not start is inconclusive, and what it said is told") {
    result const r = run(target({"--probe", "idle"}, hostile("exits")));
    CHECK(r.status == 3);
    CHECK(r.out.empty());
    CHECK_THAT(r.err, ContainsSubstring("hostile-server did not start: it ended with status 7; it said:"));
    CHECK_THAT(r.err, ContainsSubstring("no config"));
}

TEST_CASE("presets and probes are listed") {
    result const targets = run({"list", "targets"});
    for (char const* name : {"nginx", "apache2", "haproxy", "node", "aiohttp", "uvicorn", "mojolicious", "mojolicious-prefork"})
        CHECK_THAT(targets.out, ContainsSubstring(name));
    CHECK_THAT(run({"list", "probes"}).out, ContainsSubstring("backlog-frozen"));
}

TEST_CASE("Ctrl-C in the middle of a probe ends the server and us") {
    cut_short const c = cut(SIGINT);
    CHECK(c.r.status == 128 + SIGINT);
    CHECK_THAT(c.r.err, ContainsSubstring("interrupted"));
    CHECK(c.server_ended);
}

TEST_CASE("a server does not survive our being killed") {
    CHECK(cut(SIGKILL).server_ended);
}
