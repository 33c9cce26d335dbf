// Tests checks of real servers in a gate.
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include "repro/target/target.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/repro/live/live_tools.hpp"
#include "tests/repro/probe/installed.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;
using shutdown_repro::handle_of_process;
using shutdown_repro::readable_in_time;
using shutdown_repro::wait_for_change;
using shutdown_repro::tests::installed;

namespace {

constexpr char const* hostile_program = HOSTILE_SERVER;

json target_of(
    std::string const& name, std::vector<std::string> const& command, json const& more = {{"grace_ms", 300}}) {
    json t{{"format", "shutdown-repro/target"}, {"version", "1.0"}, {"name", name}, {"command", command}};
    t.update(more);
    return t;
}
void write_target(folder const& here, std::string const& name, std::vector<std::string> const& command,
    json const& more = {{"grace_ms", 300}}) {
    here.write(name + ".json", target_of(name, command, more).dump());
}
// Writes a target that stops correctly.
void write_server(folder const& here, std::string const& how) {
    write_target(here, how, {hostile_program, how, "{port}"});
}
// Writes a target that stops correctly except in its second trial. The starts of the controls, which may be many, are
// not counted.
void write_moody(folder const& here, std::string const& second) {
    write_target(here, "moody",
        {"/bin/sh", "-c",
            "if [ -e asked ]; then echo >> runs; fi; how=polite; if [ -e runs ] && [ $(wc -l < runs) = 2 ]; then how=" +
                second + "; fi; ASKED=asked exec " + hostile_program + " $how {port}"});
}
void begin_again(folder const& here) {
    for (char const* const file : {"runs", "asked"}) std::filesystem::remove(here.file(file));
}

std::string gate_of_targets(std::vector<std::string> const& checks) {
    std::string text = R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [)";
    for (std::string const& c : checks) text += (&c == &checks.front() ? "\n" : ",\n") + c;
    return text + "\n]}";
}

result run_gate(folder const& here, std::vector<std::string> const& checks, std::vector<std::string> more = {}) {
    here.write("gate.json", gate_of_targets(checks));
    more.insert(more.begin(), {"gate", "gate.json"});
    return run(more, {.in = here.path()});
}

} // namespace

TEST_CASE("a target that stops correctly passes its check, which runs it three times by default") {
    folder const here;
    write_server(here, "polite");
    result const r = run_gate(here, {R"({"target": "polite.json", "probe": "idle", "expect": "clean"})"});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("polite idle  clean, 3 executions"));
}

TEST_CASE("a target with a new violation fails its check, its trace is kept, and the printed command reproduces it") {
    folder const here;
    write_server(here, "ignores");
    result const r = run_gate(here, {R"({"target": "ignores.json", "probe": "idle", "repeat": 2, "expect": "clean"})"});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.out, ContainsSubstring("new: stop-signal-unhandled, 2 of 2"));
    CHECK(run({"check", "findings/ignores-idle-1.jsonl"}, {.in = here.path()}).status == 1);
    std::string const again = "shutdown-repro run --target ./ignores.json --probe idle --repeat 2";
    CHECK_THAT(r.out, ContainsSubstring("again   " + again + "\n"));
    result const repeated = run_line(again, here.path());
    CHECK(repeated.status == 1);
    CHECK_THAT(repeated.out, ContainsSubstring("stop-signal-unhandled 2 of 2"));
}

TEST_CASE("target files are relative to the gate file, and the printed command is relative to the current folder") {
    folder const here;
    run_line("mkdir ci", here.path());
    write_target(here, "ci/ignores", {}, target_of("ignores", {hostile_program, "ignores", "{port}"}));
    here.write("ci/gate.json",
        gate_of_targets({R"({"target": "ignores.json", "probe": "idle", "repeat": 1, "expect": "clean"})"}));
    result const r = run({"gate", "ci/gate.json"}, {.in = here.path()});
    CHECK_THAT(r.out, ContainsSubstring("shutdown-repro run --target ci/ignores.json --probe idle\n"));
}

TEST_CASE("a target is a reproducer as long as it violates the expected rules") {
    folder const here;
    write_server(here, "ignores");
    write_server(here, "polite");
    auto const reproducer_of = [](std::string const& which, int repeat) {
        return R"({"target": ")" + which + R"(.json", "probe": "silent", "repeat": )" + std::to_string(repeat) +
            R"(, "expect": {"violated": ["stop-signal-unhandled"]}})";
    };
    result const holds = run_gate(here, {reproducer_of("ignores", 1)});
    CHECK(holds.status == 0);
    CHECK_THAT(holds.out, ContainsSubstring("reproduces stop-signal-unhandled"));
    result const gone = run_gate(here, {reproducer_of("polite", 35)});
    CHECK(gone.status == 1);
    CHECK_THAT(gone.out, ContainsSubstring("no longer reproduces stop-signal-unhandled"));
    result const unclear = run_gate(here, {reproducer_of("polite", 34)});
    CHECK(unclear.status == 3);
}

TEST_CASE("a reproducer without repeat runs until it reproduces, or until enough trials show that it no longer does") {
    folder const here;
    write_moody(here, "ignores"); // in the second trial
    write_server(here, "polite");
    auto const trials = [&](std::string const& which, int status) {
        result const r = run_gate(here,
            {R"({"target": ")" + which +
                R"(.json", "probe": "idle", "expect": {"violated": ["stop-signal-unhandled"]}})"},
            {"--json"});
        INFO(r.out << r.err);
        CHECK(r.status == status);
        return json::parse(r.out)["checks"][0]["executions"].get<int>();
    };
    CHECK(trials("moody", 0) == 2);
    CHECK(trials("polite", 1) == 35);
    here.write("gate.baseline.json", R"({"format": "shutdown-repro/baseline", "version": "1.0", "current": [
        {"check": "polite idle", "rule": "stop-signal-unhandled", "fingerprint": "f", "violated": 15, "of": 20}], "manual": []})");
    CHECK(trials("polite", 1) == 4); // as that rate asks for
    here.write("gate.baseline.json", R"({"format": "shutdown-repro/baseline", "version": "1.0", "current": [
        {"check": "polite idle", "rule": "stop-signal-unhandled", "fingerprint": "f", "violated": 12, "of": 20}], "manual": []})");
    CHECK(trials("polite", 1) > 4);
}

TEST_CASE("an execution that never ended is inconclusive, even if its violations are tolerated") {
    folder const here;
    write_target(here, "hangs",
        {"/bin/sh", "-c",
            R"sh(echo '{"format":"shutdown-repro/trace","version":"1.0","observes":["server"]}' > $SHUTDOWN_REPRO_TRACE; echo '==7==ERROR: LeakSanitizer: detected memory leaks' >&2; exec sleep 3600)sh"},
        {{"program", true}, {"adapter", "own"}, {"grace_ms", 200}});
    std::vector<std::string> const check{R"({"name": "c", "target": "hangs.json", "repeat": 1, "expect": "clean"})"};
    CHECK_THAT(run_gate(here, check).out, ContainsSubstring("new: crash-on-stop, 1 of 1"));
    here.write(
        "gate.baseline.json", R"({"format": "shutdown-repro/baseline", "version": "1.0", "current": [], "manual": [
        {"check": "c", "rule": "crash-on-stop", "reason": "known", "expires": "9999-12-31"}]})");
    result const r = run_gate(here, check);
    INFO(r.out << r.err);
    CHECK(r.status == 3);
    CHECK_THAT(r.out, ContainsSubstring("inconclusive: the program did not exit by itself"));
}

TEST_CASE("an intermittent violation of a target is counted, fails when it is new, and passes when the baseline has "
          "its rate") {
    folder const here;
    write_moody(here, "ignores");
    std::vector<std::string> const checks{R"({"target": "moody.json", "probe": "idle", "expect": "clean"})"};
    result const fresh = run_gate(here, checks, {"--update-baseline"});
    INFO(fresh.out << fresh.err);
    json const known = json::parse(here.read("gate.baseline.json"))["current"];
    REQUIRE(known.size() == 2);
    CHECK(known[1]["rule"] == "stop-signal-unhandled");
    CHECK(known[1]["violated"] == 1);
    CHECK(known[1]["of"] == 3);
    begin_again(here);
    result const later = run_gate(here, checks);
    CHECK(later.status == 0);
    CHECK_THAT(later.out, ContainsSubstring("no worse than the baseline, 3 executions"));
    here.write("gate.baseline.json",
        R"({"format": "shutdown-repro/baseline", "version": "1.0", "current": [], "manual": []})");
    begin_again(here);
    result const anew = run_gate(here, checks);
    CHECK(anew.status == 1);
    CHECK_THAT(anew.out, ContainsSubstring("new: stop-signal-unhandled, 1 of 3"));
}

TEST_CASE("a target that never starts is inconclusive after one try, and the checks after it run") {
    folder const here;
    write_server(here, "exits");
    write_server(here, "polite");
    result const r = run_gate(here,
        {R"({"target": "exits.json", "probe": "idle", "expect": "clean"})",
            R"({"target": "polite.json", "probe": "idle", "repeat": 1, "expect": "clean"})"},
        {"--json"});
    CHECK(r.status == 3);
    json const checks = json::parse(r.out)["checks"];
    CHECK(checks[0]["outcome"] == "inconclusive");
    CHECK(checks[0]["executions"] == 1);
    CHECK(checks[0]["trouble"] == "exits did not start: it exited with status 7; its output: no config");
    CHECK(checks[1]["outcome"] == "passed");
}

TEST_CASE("a target that sometimes does not start is inconclusive, not clean") {
    folder const here;
    write_moody(here, "exits");
    result const r = run_gate(here, {R"({"target": "moody.json", "probe": "idle", "expect": "clean"})"}, {"--json"});
    CHECK(r.status == 3);
    json const check = json::parse(r.out)["checks"][0];
    CHECK(check["executions"] == 3);
    CHECK(check["inconclusive"] == 1);
}

TEST_CASE("a target that is not installed is inconclusive, and its Debian package is named") {
    folder const here;
    write_target(here, "absent", {"/bin/true"}, {{"says_version", {"/bin/false"}}, {"package", "absent-server"}});
    write_target(here, "missing", {"no-such-program"}, {{"package", "missing-server"}});
    result const r = run_gate(here,
        {R"({"target": "absent.json", "probe": "idle", "expect": "clean"})",
            R"({"target": "missing.json", "probe": "idle", "expect": {"violated": ["fd-leak"]}})"},
        {"--json"});
    CHECK(r.status == 3);
    json const checks = json::parse(r.out)["checks"];
    CHECK(checks[0]["outcome"] == "inconclusive");
    CHECK(checks[0]["trouble"] == "absent is not installed; install the Debian package absent-server");
    CHECK(checks[1]["outcome"] == "inconclusive");
    CHECK(checks[1]["trouble"] == "cannot find the program no-such-program; install the Debian package missing-server");
}

TEST_CASE("reports name the target and its probe, and shards of a gate of targets are merged") {
    folder const here;
    write_server(here, "polite");
    std::vector<std::string> const checks{
        R"({"target": "polite.json", "probe": "idle", "repeat": 1, "expect": "clean"})",
        R"({"target": "polite.json", "probe": "silent", "repeat": 1, "expect": "clean"})"};
    result const whole = run_gate(here, checks, {"--junit", "junit.xml", "--tap"});
    CHECK(whole.status == 0);
    CHECK_THAT(here.read("junit.xml"), ContainsSubstring(R"(classname="polite.idle" name="polite idle")"));
    CHECK_THAT(whole.out, ContainsSubstring("ok 2 - polite silent"));
    for (std::string const part : {"1", "2"})
        here.write(part + ".json", run_gate(here, checks, {"--shard", part + "/2", "--json"}).out);
    result const merged = run({"merge", "1.json", "2.json", "--json"}, {.in = here.path()});
    INFO(merged.out << merged.err);
    CHECK(merged.status == 0);
    json const both = json::parse(merged.out)["checks"];
    REQUIRE(both.size() == 2);
    CHECK(both[1]["target"] == "polite");
    CHECK(both[1]["probe"] == "silent");
}

TEST_CASE("the error for a field that a check of a target does not take names its line and the remedy") {
    folder const here;
    write_server(here, "polite");
    here.write("torn.json", "{\n\"format\": 1}");
    auto const refused = [&](std::string const& fields, std::string const& complaint) {
        result const r = run_gate(here, {"{" + fields + R"(, "expect": "clean"})"});
        INFO(fields << "\n" << r.out << r.err);
        CHECK(r.status == 2);
        CHECK_THAT(r.err, ContainsSubstring(complaint));
    };
    refused(R"("target": "ngnix", "probe": "idle")", R"(gate.json:2: unknown target "ngnix"; did you mean "nginx"?)");
    refused(R"("target": "polite.json")", R"(gate.json:2: "checks.1" has no "probe")");
    refused(R"("target": "polite.json", "probe": "idel")", R"("idel")");
    refused(R"("target": "polite.json", "probe": "stream")", "can't be run against polite: it has no endless response");
    refused(R"("target": "polite.json", "probe": "idle", "strategy": "dfs")",
        "applies only to scenarios; a check of a target takes");
    refused(R"("target": "polite.json", "probe": "idle", "policy": "drained")",
        "applies only to scenarios; a check of a target takes");
    refused(
        R"("target": "polite.json", "probe": "idle", "schedule": "1=1")", "applies only to targets that are programs");
    refused(R"("target": "polite.json", "probe": "idle", "order": "client-first")",
        "needs an adapter, but polite has none");
    refused(R"("target": "polite.json", "probe": "idle", "repeat": 0)", R"("checks.1.repeat" must be a number)");
    refused(R"("target": "mojolicious-timer", "probe": "idle")",
        "must be left out: mojolicious-timer is a program that sends its own requests");
    refused(R"("target": "mojolicious-timer", "order": "client-first", "schedule": "1")", "both choose the order");
    refused(R"("target": "mojolicious-timer", "order": "fast")", "client-first");
    refused(R"("target": "none.json", "probe": "idle")", "gate.json:2: cannot read ./none.json");
    refused(R"("target": "torn.json", "probe": "idle")", R"(: ./torn.json:1: the document has no "version")");
    refused(R"("target": "a/polite", "probe": "idle")", "must be the name of a target, or a file that ends in .json");
    refused(R"("scenario": "lost-finish", "probe": "idle")", R"(applies only to a check with a "target")");
}

TEST_CASE("Ctrl-C during a check of a target ends its server, and the check is inconclusive with the trials so far") {
    folder const here;
    write_target(here, "waits",
        {"/bin/sh", "-c", std::string("echo $$ > pid; exec ") + hostile_program + " ignores {port}"},
        {{"grace_ms", 60000}});
    here.write("gate.json", gate_of_targets({R"({"target": "waits.json", "probe": "idle", "expect": "clean"})"}));
    program p({"gate", "gate.json"}, {.in = here.path()});
    REQUIRE(wait_for_change(here.path(), [&] { return here.has("pid") && here.read("pid").ends_with('\n'); }));
    auto const alive = handle_of_process(std::stoi(here.read("pid")));
    REQUIRE(alive);
    kill(p.id(), SIGINT);
    result const r = p.wait();
    INFO(r.out << r.err);
    CHECK(r.status == 3);
    CHECK_THAT(r.out, ContainsSubstring("interrupted: these are the results so far"));
    CHECK(readable_in_time(alive.get()));
}

TEST_CASE("nginx loses the requests in flight on SIGTERM, as a gate expects, and answers all of them on SIGQUIT") {
    if (!installed("nginx")) return;
    folder const here;
    result const r = run_gate(here,
        {R"({"target": "nginx", "probe": "wrong-signal", "repeat": 1, "expect": {"violated": ["stop-signal-not-graceful"]}})",
            R"({"target": "nginx", "probe": "in-flight", "repeat": 1, "expect": "clean"})"});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK_THAT(r.out, ContainsSubstring("reproduces stop-signal-not-graceful"));
    CHECK_THAT(r.out, ContainsSubstring("clean, 1 execution\n"));
}

TEST_CASE("a check can run a program that stops itself, in an order or by a schedule") {
    if (!installed("mojolicious-timer")) return;
    folder const here;
    result const r = run_gate(here,
        {R"({"target": "mojolicious-timer", "order": "client-first", "repeat": 1, "expect": {"violated": ["finish-event-lost", "timer-lost"]}})",
            R"({"target": "mojolicious-timer", "order": "server-first", "repeat": 1, "expect": "clean", "allow": ["timer-lost"]})",
            R"({"target": "mojolicious-timer", "schedule": "default", "repeat": 1, "expect": "clean"})"});
    INFO(r.out << r.err);
    CHECK_THAT(r.out, ContainsSubstring("reproduces finish-event-lost, timer-lost"));
    CHECK_THAT(r.out, ContainsSubstring("clean except for allowed violations"));
    CHECK_THAT(r.out, ContainsSubstring("again   shutdown-repro run --target mojolicious-timer --schedule "));
}
