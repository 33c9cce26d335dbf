// What is wrong is said in one line on standard error that names the flag or the file and the remedy; the exit status
// is 2.
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;

namespace {

void check_complaint(result const& r, std::vector<std::string> const& says) {
    INFO("out: " << r.out << "\nerr: " << r.err);
    CHECK(r.status == 2);
    CHECK(r.out.empty());
    REQUIRE(lines(r.err).size() == 1);
    CHECK(r.err.starts_with("shutdown-repro: "));
    CHECK(r.err.ends_with("\n"));
    for (std::string const& part : says) CHECK_THAT(r.err, ContainsSubstring(part));
}

} // namespace

TEST_CASE("the error for an invalid command line names the option and the remedy") {
    struct {
        std::vector<std::string> typed, says;
    } const cases[] = {
        {{},
            {"no command given; expected run, explore, replay, shrink, check, inspect, diff, merge, list, explain, "
             "gate or "
             "completion",
                "--help"}},
        {{"rnu", "scope-disposal"}, {"unknown command \"rnu\"", "did you mean \"run\"?"}},
        {{"run"}, {"SCENARIO is required", "shutdown-repro run --help"}},
        {{"run", "--"}, {"SCENARIO is required", "a command after --"}},
        {{"run", "scope-disposal", "--", "./server"}, {"run takes a SCENARIO or a command after --"}},
        {{"run", "--policy", "drained", "--", "./server"}, {"--policy: only a scenario takes it"}},
        {{"run", "scope-disposal", "--polcy", "drained"}, {"unknown option --polcy", "did you mean \"--policy\"?"}},
        {{"run", "--polcy=drained", "scope-disposal"}, {"unknown option --polcy", "did you mean \"--policy\"?"}},
        {{"run", "scope-disposal", "-x"}, {"unknown option -x", "shutdown-repro run --help"}},
        {{"run", "scope-disposal", "twice"}, {"unexpected argument \"twice\" after run"}},
        {{"run", "scope-disposal", "--policy", "draind"}, {"--policy", "\"draind\"", "did you mean \"drained\"?"}},
        {{"run", "scope-disposal", "--world", "real"}, {"--world", "live or sim", "\"real\""}},
        {{"run", "scope-disposal", "--requests"}, {"--requests needs a value"}},
        {{"run", "scope-disposal", "--policy", "drained", "--policy", "drained"},
            {"--policy can be given only once", "shutdown-repro run --help"}},
        {{"run", "scope-disposal", "--json=yes"}, {"--json takes no value"}},
        {{"--color"}, {"--color needs a value"}},
        {{"run", "scope-disposal", "--requests", "many"}, {"--requests", "whole number from 1 to", "\"many\""}},
        {{"run", "scope-disposal", "--requests", "0"}, {"--requests", "from 1 to"}},
        {{"run", "scope-disposal", "--requests", "2x"}, {"--requests", "\"2x\""}},
        {{"run", "scope-disposal", "--grace", "-1"}, {"--grace", "from 0 to"}},
        {{"run", "scope-disposal", "--repeat", "99999999999999999999"}, {"--repeat", "whole number"}},
        {{"run", "scope-disposal", "--stop-at", "coroutine.suspend"}, {"--stop-at", "coroutine.suspend#1"}},
        {{"run", "scope-disposal", "--free-at", "nonsense#2"}, {"--free-at", "\"nonsense#2\"", "KIND#N"}},
        {{"run", "scope-disposal", "--set", "owner"}, {"--set", "\"owner\" is not KEY=VALUE"}},
        {{"run", "scope-disposal", "--set", "ownr=extra"}, {"--set ownr", "did you mean \"owner\"?"}},
        {{"run", "scope-disposal", "--set", "owner=nobody"}, {"--set owner", "nobody"}},
        {{"run", "scope-disposal", "--schedule", "1=1"}, {"--schedule", "--world sim"}},
        {{"run", "scope-disposal", "--world", "sim", "--schedule", "one"}, {"\"one\" is not INDEX=CHOICE"}},
        {{"run", "scope-disposal", "--world", "sim", "--server", "/bin/true"}, {"--server", "--world live"}},
        {{"run", "scope-disposl"},
            {"unknown scenario \"scope-disposl\"", "did you mean \"scope-disposal\"?", "list scenarios"}},
        {{"run", "missing.json"}, {"missing.json", "No such file"}},
        {{"run", "scope-disposal", "--server", "/nonexistent"}, {"/nonexistent", "build it"}},
        {{"run", "--target"}, {"--target needs a NAME", "list targets"}},
        {{"run", "--target", "ngnix"}, {"unknown target \"ngnix\"", "did you mean \"nginx\"?"}},
        {{"run", "--target", "nginx", "--probe", "silnt"}, {"unknown probe \"silnt\"", "did you mean \"silent\"?"}},
        {{"run", "--target", "nginx", "--probe", "idle,idle"}, {"--probe names idle twice"}},
        {{"run", "--target", "nginx", "--policy", "drained"}, {"--policy: only a scenario takes it"}},
        {{"run", "--target", "nginx", "--signal", "SIGTRM"}, {"--signal must be the name of a signal", "SIGTRM"}},
        {{"run", "--target", "nginx", "--signal", "SIGKILL"},
            {"--signal can't be SIGKILL: no process can handle that signal"}},
        {{"run", "--target", "nginx", "--signal", "SIGSTOP"}, {"--signal can't be SIGSTOP"}},
        {{"run", "--target", "nginx", "--stop-at", "request"},
            {"--stop-at: name a step and add --steer", "add --adapter"}},
        {{"run", "--target", "nginx", "--free-at", "request"},
            {"--free-at: only scenarios and targets that are programs"}},
        {{"run", "--target", "nginx", "--slow", "slow"}, {"--slow must be a path"}},
        {{"run", "--target", "nginx", "--slow", "/a path"}, {"--slow must be a path"}},
        {{"run", "--target", "nginx", "--stream", "/end\x7f"}, {"--stream must be a path"}},
        {{"run", "--target", "nginx", "--probe", "all", "--trace", "x.jsonl"},
            {"--trace: several probes can't share one file"}},
        {{"run", "--target", "--probe", "in-flight", "--", "true"},
            {"--probe in-flight: true: it has no slow URL", "--slow PATH"}},
        {{"run", "scope-disposal", "--probe", "idle"}, {"--probe: only a real server takes it", "--target"}},
        {{"run", "scope-disposal", "--target", "nginx"}, {"run takes a SCENARIO or a --target"}},
        {{"run", "--target", "missing.json"}, {"missing.json", "No such file"}},
        {{"check"}, {"TRACE is required"}},
        {{"check", "missing.jsonl"}, {"missing.jsonl", "No such file"}},
        {{"check", "/dev/null"}, {"/dev/null", "expected a trace"}},
        {{"inspect", "/tmp"}, {"/tmp", "Is a directory"}},
        {{"list"}, {"WHAT is required"}},
        {{"list", "rulez"},
            {"scenarios, rules, policies, stop-points, strategies, targets or probes", "did you mean \"rules\"?"}},
        {{"list", "rules", "scope-disposal"}, {"only list stop-points takes a scenario"}},
        {{"list", "stop-points", "scope-disposl"}, {"did you mean \"scope-disposal\"?"}},
        {{"explain", "scope-leakd"}, {"unknown rule \"scope-leakd\"", "did you mean \"scope-leaked\"?", "list rules"}},
        {{"--color", "blue", "list", "rules"}, {"--color", "auto, always or never", "\"blue\""}},
    };
    for (auto const& c : cases) {
        std::string typed;
        for (std::string const& word : c.typed) typed += " " + word;
        INFO("typed:" << typed);
        check_complaint(run(c.typed), c.says);
    }
}

TEST_CASE("errors show control characters instead of sending them to the terminal") {
    std::string const steers = "\x1b[2J\xff\xc2\x9b"
                               "1";
    for (std::vector<std::string> const& typed :
        {std::vector<std::string>{"replay", steers, "--scenario", "lost-finish"},
            {"run", "scope-disposal", "--set", steers + "=1"}, {"run", steers}, {"check", steers}, {"explain", steers},
            {steers}, {"run", "scope-disposal", "--" + steers}, {"run", "scope-disposal", "--world", steers}}) {
        result const r = run(typed);
        INFO(r.err);
        CHECK(r.status == 2);
        CHECK_THAT(r.err, ContainsSubstring("\\x1b[2J\\xff\\xc2\\x9b1"));
        for (char const* raw : {"\x1b", "\xff", "\xc2\x9b"}) CHECK(r.err.find(raw) == std::string::npos);
    }
}

TEST_CASE("an error in a scenario file names its line") {
    folder const here;
    here.write("mine.json", "{\n  \"scenario\": \"mine\",\n  \"grace\": \"lots\"\n}\n");
    check_complaint(run({"run", "./mine.json"}, {.in = here.path()}), {"mine.json:3:", "\"grace\"", "\"lots\""});
}

TEST_CASE("the error for an option that the scenario does not support names the option as typed") {
    folder const here;
    here.write("cell.json", R"({"scenario": "cell", "server": "scopes"})");
    check_complaint(run({"run", "./cell.json", "--world", "sim", "--policy", "drained"}, {.in = here.path()}),
        {"--policy:", "scoped"});
}

TEST_CASE("a trace file that can't be written is an error before anything runs") {
    folder const here;
    check_complaint(run({"run", "scope-disposal", "--trace", "no/such/folder/x.jsonl"}, {.in = here.path()}),
        {"--trace", "no/such/folder/x.jsonl", "No such file"});
    check_complaint(run({"run", "scope-disposal", "--trace", "."}, {.in = here.path()}), {"--trace", "is a directory"});
}

TEST_CASE("a full disk is an error, and violations are reported all the same") {
    result const r = run({"run", "scope-disposal", "--world", "sim", "--trace", "/dev/full"});
    CHECK(r.status == 2);
    CHECK_THAT(r.out, ContainsSubstring("scope-disposed-nonempty"));
    CHECK(r.out.find("inspect /dev/full") == r.out.npos);
    REQUIRE(lines(r.err).size() == 1);
    CHECK_THAT(r.err, ContainsSubstring("/dev/full: No space left on device"));
}

TEST_CASE("a violation counts even if its trace, which was not asked for, can't be kept") {
    folder const here;
    CHECK(
        run_line("mkdir scope-disposal.jsonl; shutdown-repro run scope-disposal --world sim", here.path()).status == 1);
}

TEST_CASE("an error on standard output gives an error status") {
    for (auto where : {stream_is::full, stream_is::closed})
        for (std::vector<std::string> const& typed : {std::vector<std::string>{"list", "rules"}, {"--help"},
                 {"--version"}, {"run", "scope-disposal", "--world", "sim", "--json"}}) {
            result const r = run(typed, {.standard_output = where});
            INFO(typed[0] << ": " << r.err);
            CHECK(r.status == 2);
            CHECK_THAT(r.err, ContainsSubstring("can't write to standard output"));
        }
}
