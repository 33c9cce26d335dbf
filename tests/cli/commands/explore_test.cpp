// Tests explore, replay and shrink.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

std::size_t widest(std::string const& text) {
    std::size_t most = 0;
    for (std::string const& line : lines(text))
        most = std::max(most, static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
            return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
        })));
    return most;
}

} // namespace

TEST_CASE("explore reports each finding with its violation and its replay command, and the coverage") {
    folder here;
    result const r = run({"explore", "scope-disposal", "--executions", "200"}, {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    for (char const* part : {"scope-disposed-nonempty", "first at execution", "shrunk to",
             "shutdown-repro replay findings/1.jsonl", "passes when decision", "covered", "seed 1",
             "fixed?    shutdown-repro explore scope-disposal --policy drained"})
        CHECK_THAT(r.out, ContainsSubstring(part));
    CHECK(here.has("findings/1.jsonl"));
    CHECK(widest(r.out) <= 80);
}

TEST_CASE("a finding is replayed byte by byte, and explained with the decision that makes it pass") {
    folder here;
    run({"explore", "lost-finish", "--executions", "100", "--keep", "kept"}, {.in = here.path()});
    REQUIRE(here.has("kept/1.jsonl"));
    result const again = run({"replay", "kept/1.jsonl", "--trace", "again.jsonl"}, {.in = here.path()});
    INFO(again.out << again.err);
    CHECK(again.status == 1);
    CHECK_THAT(again.out, ContainsSubstring("events are identical"));
    REQUIRE(here.has("kept/1.passing.jsonl"));
    CHECK_THAT(run({"inspect", "kept/1.jsonl", "--explain"}, {.in = here.path()}).out,
        ContainsSubstring("passes instead when decision"));
    CHECK(run({"replay", "kept/1.passing.jsonl"}, {.in = here.path()}).status == 0);
    CHECK(run({"diff", "kept/1.jsonl", "kept/1.passing.jsonl"}, {.in = here.path()}).status == 1);
}

TEST_CASE("explore prints a guarantee when it finds nothing") {
    result const r = run(
        {"explore", "scope-disposal", "--policy", "drained", "--strategy", "exhaustive", "--executions", "1000000"});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(r.out,
        ContainsSubstring("✓ clean   all ") && ContainsSubstring(" schedules of this scenario up to equivalence: no"));
    CHECK(widest(r.out) <= 80);
}

TEST_CASE("the document of explore has the verdict, the guarantee, the findings and the uncovered phases") {
    folder here;
    json const bad =
        json::parse(run({"explore", "scope-disposal", "--executions", "150", "--json"}, {.in = here.path()}).out);
    CHECK(bad["verdict"] == "violated");
    CHECK(bad["executions"] > 100);
    CHECK(bad["executions"] <= 150);
    CHECK(bad["guarantee"] == "");
    CHECK(bad["violations"][0]["replay"] == "shutdown-repro replay findings/1.jsonl");
    CHECK(bad["violations"][0]["fingerprint"].get<std::string>().find("request:1") == std::string::npos);
    json const good =
        json::parse(run({"explore", "scope-disposal", "--policy", "drained", "--strategy", "sweep", "--json"}).out);
    CHECK(good["verdict"] == "clean");
    CHECK_THAT(good["guarantee"].get<std::string>(), ContainsSubstring("steps of the default order"));
    CHECK(good["coverage"]["stop_steps"]["reached"] == good["coverage"]["stop_steps"]["of"]);
    CHECK_FALSE(good["coverage"]["never"].empty());
}

TEST_CASE("the same seed gives the same exploration with any number of jobs") {
    auto const of = [](char const* jobs, char const* seed) {
        folder here;
        return run({"explore", "scope-disposal", "--strategy", "random", "--executions", "300", "--jobs", jobs,
                       "--seed", seed, "--json"},
            {.in = here.path()})
            .out;
    };
    CHECK(of("1", "7") == of("3", "7"));
    CHECK(of("1", "7") != of("1", "8"));
}

TEST_CASE("Ctrl-C prints the results so far") {
    program p({"explore", "scope-disposal", "--policy", "drained", "--requests", "4", "--strategy", "random",
        "--executions", "100000000"});
    // Waits until the program catches the signal, which would kill it before that.
    auto const catches = [&] {
        std::string const status = slurp("/proc/" + std::to_string(p.id()) + "/status");
        auto const at = status.find("SigCgt:");
        return at != status.npos && std::stoull(status.substr(at + 7), nullptr, 16) & 1u << (SIGINT - 1);
    };
    while (p.runs() && !catches()) {}
    kill(p.id(), SIGINT);
    result const r = p.wait();
    INFO(r.out << r.err);
    CHECK_THAT(r.out, ContainsSubstring("interrupted: these are the results so far"));
    CHECK_THAT(r.out, !ContainsSubstring("clean"));
    CHECK(r.status == 3);
}

TEST_CASE("a schedule is replayed from a string and from a file, and an unsuitable one diverges at a named decision") {
    folder here;
    CHECK(run({"replay", "default", "--scenario", "lost-finish"}).status == 1);
    std::string const file = here.write("s.json",
        R"({"format": "shutdown-repro/schedule", "version": "1.0", "scenario": "lost-finish", "schedule": "default"})");
    CHECK(run({"replay", file}).status == 1);
    result const off = run({"replay", "0=7", "--scenario", "lost-finish"});
    CHECK(off.status == 6);
    CHECK_THAT(off.err, ContainsSubstring("the replay diverged: decision 0 ("));
}

TEST_CASE("replaying a trace that was edited shows both sides of the divergence") {
    folder here;
    run({"run", "lost-finish", "--world", "sim", "--trace", "t.jsonl"}, {.in = here.path()});
    std::string text = here.read("t.jsonl");
    auto const at = text.find("\"stream.drain\"");
    REQUIRE(at != text.npos);
    text.replace(at, 14, "\"stream.write\"");
    here.write("changed.jsonl", text);
    result const r = run({"replay", "changed.jsonl"}, {.in = here.path()});
    CHECK(r.status == 6);
    CHECK_THAT(r.out, ContainsSubstring("recorded") && ContainsSubstring("now"));
    CHECK_THAT(r.err, ContainsSubstring("the replay diverged at #"));
}

TEST_CASE("the error for an input that can't be replayed or shrunk says why") {
    folder here;
    struct row {
        std::vector<std::string> typed;
        int status;
        char const* says;
    };
    std::string const other = here.write("other.json", R"({"format": "something"})");
    run({"run", "scope-disposal", "--world", "sim", "--policy", "drained", "--trace", "clean.jsonl"},
        {.in = here.path()});
    for (row const& x :
        {row{{"replay", TEST_DATA "/rules/crash-on-stop.breaks.jsonl"}, 2, "only simulated executions can be replayed"},
            row{{"replay", other}, 2, "is not a schedule"}, row{{"replay", "none.jsonl"}, 2, "none.jsonl"},
            row{{"shrink", "clean.jsonl"}, 4, "has no violation"},
            row{{"explore", "scope-disposal", "--strategy", "swep"}, 2, "--strategy"},
            row{{"explore", "scope-disposal", "--executions", "0"}, 2, "--executions"},
            row{{"explore", "scope-disposal", "--seconds", "-1"}, 2, "--seconds"},
            row{{"run", "lost-finish", "--set", "when=any"}, 2, "--world sim"}}) {
        result const r = run(x.typed, {.in = here.path()});
        INFO(x.says << "\n" << r.out << r.err);
        CHECK(r.status == x.status);
        CHECK_THAT(r.err, ContainsSubstring(x.says));
    }
}

TEST_CASE("shrink keeps the violation and makes everything else smaller") {
    folder here;
    run({"explore", "scope-disposal", "--requests", "4", "--strategy", "random", "--executions", "200", "--keep", "k"},
        {.in = here.path()});
    result const r = run({"shrink", "k/1.jsonl", "--trace", "small.jsonl"}, {.in = here.path()});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK(here.has("small.jsonl"));
    CHECK(run({"replay", "small.jsonl"}, {.in = here.path()}).status == 1);
}

TEST_CASE("list strategies names each strategy that explore takes") {
    result const r = run({"list", "strategies"});
    CHECK(r.status == 0);
    for (char const* name : {"auto", "sweep", "exhaustive", "phase", "pct", "random", "plain"})
        CHECK_THAT(r.out, ContainsSubstring(name));
}
