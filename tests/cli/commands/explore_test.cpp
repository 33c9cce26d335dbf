// Tests explore, replay and shrink.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;

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

TEST_CASE("an exploration calls stop where an option names it, for each kind of server and however it is named") {
    folder const here;
    std::string const open = "covered   stop at", named = "stop and free as the scenario has them";
    auto const covered = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"explore", "lost-finish", "--executions", "60"});
        return run(more, {.in = here.path()}).out;
    };
    CHECK_THAT(covered({}), ContainsSubstring(open));
    CHECK_THAT(covered({"--stop-at", "any"}), ContainsSubstring(open));
    CHECK_THAT(covered({"--stop-at", "handler"}), ContainsSubstring(named));
    CHECK_THAT(covered({"--set", "when=handler"}), ContainsSubstring(named));
    CHECK_THAT(here.read("findings/1.jsonl"), ContainsSubstring("\"when\":\"handler\""));

    auto const scoped = [&](std::string const& option, std::string const& value) {
        return run({"explore", "scope-disposal", "--executions", "60", option, value, "--free-at", "never"},
            {.in = here.path()})
            .out;
    };
    CHECK_THAT(scoped("--stop-at", "any"), ContainsSubstring(open));
    CHECK_THAT(scoped("--stop-at", "request.begin#2"), ContainsSubstring(named));
    CHECK_THAT(scoped("--set", "stop=request.begin#2"), ContainsSubstring(named));
}

TEST_CASE("a stop point that the server never reaches is refused, by run and explore and for each kind of server") {
    folder const here;
    here.write("cell.json", R"({"scenario": "cell", "server": "scopes"})");
    for (std::string const command : {"run", "explore"})
        for (auto const& [what, option, value, says] :
            {std::tuple("lost-finish", "--stop-at", "never", "--stop-at: \"when\" can't be"),
                std::tuple("lost-finish", "--stop-at", "coroutine.suspend#1", "--stop-at: \"when\" can't be"),
                std::tuple(
                    "lost-finish", "--free-at", "server.ready#1", "--free-at: \"free\" is a field of the server"),
                std::tuple("lost-finish", "--set", "signal_at=coroutine.start#1", "never records coroutine.start"),
                std::tuple("scope-disposal", "--stop-at", "cb1", "is not a stop point"),
                std::tuple("scope-disposal", "--stop-at", "loop.tick#1", "never records loop.tick"),
                std::tuple("scope-disposal", "--free-at", "handler,timer.fire#2", "never records timer.fire"),
                std::tuple("cell.json", "--stop-at", "any", "--stop-at: \"stop\" is a field of the server"),
                std::tuple("cell.json", "--free-at", "never", "--free-at: \"free\" is a field of the server")}) {
            result const r = run({command, what, option, value}, {.in = here.path()});
            INFO(command << " " << what << " " << option << " " << value << "\n" << r.out << r.err);
            CHECK(r.status == 2);
            CHECK_THAT(r.err, ContainsSubstring(says));
        }
    CHECK_THAT(run({"list", "stop-points", "cell.json"}, {.in = here.path()}).err, ContainsSubstring("no stop points"));
}

TEST_CASE("a scenario that does not say when stop is called can be explored, and run with a stop point") {
    folder const here;
    here.write("mine.json", R"({"scenario": "mine", "requests": 1})");
    auto const typed = [&](std::vector<std::string> const& words) {
        result const r = run(words, {.in = here.path()});
        INFO(r.out << r.err);
        CHECK((r.status == 0 || r.status == 1));
        return r;
    };
    for (std::string const moment : {"", "any", "request.begin#1", "never"}) {
        std::vector<std::string> words = {"explore", "mine.json", "--executions", "60"};
        if (!moment.empty()) words.insert(words.end(), {"--stop-at", moment});
        if (moment != "never") typed(words);
        else CHECK(run(words, {.in = here.path()}).status != 2);
    }
    typed({"run", "mine.json", "--world", "sim", "--stop-at", "request.begin#1"});
    typed({"run", "mine.json", "--world", "sim", "--set", "handlers.1.calls=[\"stop\"]"});
    CHECK_THAT(typed({"list", "stop-points", "mine.json"}).out, ContainsSubstring("request.begin#1"));
    here.write("gate.json", R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [
        {"name": "a", "scenario": "./mine.json", "strategy": "auto", "executions": 60,
         "policy": "drained", "expect": "clean"},
        {"name": "b", "scenario": "./mine.json", "stop": "request.begin#1", "policy": "drained",
         "expect": "clean"}]})");
    typed({"gate", "gate.json"});
    // Without a moment, or with a handler that does not make the call, every execution would hang.
    CHECK_THAT(run({"run", "mine.json", "--world", "sim"}, {.in = here.path()}).err,
        ContainsSubstring("mine.json:1: the document leaves \"stop\" to a handler"));
    CHECK_THAT(run({"explore", "mine.json", "--stop-at", "handler"}, {.in = here.path()}).err,
        ContainsSubstring("--stop-at: this leaves \"stop\" to a handler"));
    CHECK_THAT(run({"run", "scope-disposal", "--set", "handlers.1.calls=[]"}, {.in = here.path()}).err,
        ContainsSubstring("leaves \"stop\" to a handler"));
    here.write("gate.json", R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [
        {"scenario": "./mine.json", "expect": "clean"}]})");
    CHECK_THAT(run({"gate", "gate.json"}, {.in = here.path()}).err, ContainsSubstring("gate.json:2"));
}

TEST_CASE("an old trace or report whose scenario names a stop point that is refused now can still be read") {
    folder const here;
    auto const in_here = [&](std::vector<std::string> const& words) { return run(words, {.in = here.path()}); };
    auto const replaced = [&](std::string const& file, std::string const& said, std::string const& by) {
        std::string text = here.read(file);
        std::size_t const at = text.find(said);
        REQUIRE(at != std::string::npos);
        here.write(file, text.replace(at, said.size(), by));
    };
    REQUIRE(in_here({"run", "scope-disposal", "--world", "sim", "--trace", "t.jsonl"}).status == 1);
    replaced("t.jsonl", R"("stop":"handler")", R"("stop":"loop.tick#1")");
    CHECK(in_here({"check", "t.jsonl"}).status == 1);
    for (std::string const view : {"--timeline", "--explain", "--markdown"})
        CHECK(in_here({"inspect", "t.jsonl", view}).status == 0);
    for (std::string const command : {"replay", "shrink"}) {
        result const r = in_here({command, "t.jsonl"});
        CHECK(r.status == 2);
        CHECK_THAT(r.err, ContainsSubstring("the scoped server never records loop.tick"));
    }

    for (std::string const number : {"1", "2"}) {
        std::string const file = number + ".json";
        here.write(
            file, in_here({"explore", "scope-disposal", "--executions", "60", "--shard", number + "/2", "--json"}).out);
        replaced(file, R"("stop": "handler,any")", R"("stop": "loop.tick#1")");
    }
    result const whole = in_here({"merge", "1.json", "2.json"});
    INFO(whole.err);
    CHECK(whole.status == 1);

    here.write("old.json", R"({"scenario": "old", "stop": "loop.tick#1"})");
    CHECK(in_here({"list", "stop-points", "old.json"}).status == 0);
    for (std::string const command : {"run", "explore"}) CHECK(in_here({command, "old.json"}).status == 2);
    here.write("gate.json", R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [
        {"scenario": "./old.json", "strategy": "sweep", "expect": "clean"}]})");
    CHECK_THAT(in_here({"gate", "gate.json"}).err, ContainsSubstring("old.json:1: \"stop\" can't be \"loop.tick#1\""));
}
