// Tests gate: its output and its exit status.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/skip.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

std::string gate_of(std::string const& checks) {
    return R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [)" + checks + "]}\n";
}

std::string const clean = R"({"scenario": "lost-finish", "policy": "drained", "expect": "clean"})";
std::string const broken = R"({"scenario": "lost-finish", "order": "client-first", "expect": "clean"})";
std::string const reproducer =
    R"({"name": "r", "scenario": "lost-finish", "order": "client-first", "expect": {"violated": ["finish-event-lost"]}})";
std::string const unproven =
    R"({"name": "u", "scenario": "lost-finish", "policy": "drained", "strategy": "exhaustive", "executions": 2, "expect": "clean"})";

struct gate_folder : folder {
    explicit gate_folder(std::string const& checks) { write("gate.json", gate_of(checks)); }
    result gate(std::vector<std::string> more = {}, std::string const& day = "1781481600") const { // 2026-06-15
        more.insert(more.begin(), {"gate", "gate.json"});
        return run(more, {.in = path(), .environment = {{"SOURCE_DATE_EPOCH", day}}});
    }
};

std::string baseline_of(std::string const& current, std::string const& manual = "") {
    return R"({"format": "shutdown-repro/baseline", "version": "1.0", "current": [)" + current + R"(], "manual": [)" +
        manual + "]}\n";
}

} // namespace

TEST_CASE("the text of gate is as recorded, byte by byte, and 80 columns wide") {
    gate_folder const here(clean + "," + reproducer + "," + broken + "," + unproven);
    result const r = here.gate();
    INFO(r.err);
    CHECK(r.status == 1);
    CHECK(r.out == slurp(TEST_DATA "/gate.txt"));
    CHECK(here.gate().out == r.out);
    for (std::string const& line : lines(r.out))
        if (line.find("shutdown-repro ") == line.npos) CHECK(widest(line) <= 80); // a command is copied, not read
    CHECK(run({"check", "findings/lost-finish-as-reported-1.jsonl"}, {.in = here.path()}).status == 1);
}

TEST_CASE("the exit status of gate is that of its worst check") {
    struct {
        std::string checks;
        int status;
    } const cases[] = {
        {clean, 0},
        {reproducer, 0},
        {broken, 1},
        {unproven, 3},
        {"", 4},
        {clean + "," + unproven, 3},
        {unproven + "," + broken, 1},
    };
    for (auto const& c : cases) {
        gate_folder const here(c.checks);
        result const r = here.gate();
        INFO(c.checks << "\n" << r.out << r.err);
        CHECK(r.status == c.status);
    }
}

TEST_CASE("gate --only selects by name and pattern, and suggests the nearest name when nothing matches") {
    gate_folder const here(clean + "," + broken + "," + reproducer);
    CHECK(here.gate({"--only", "r"}).out.find("1 passed") != std::string::npos);
    CHECK(here.gate({"--only", "*drained"}).status == 0);
    CHECK(here.gate({"--only", "*drained", "--only", "*as-reported"}).status == 1);
    result const none = here.gate({"--only", "lost-finish draind"});
    CHECK(none.status == 4);
    CHECK_THAT(none.err, ContainsSubstring("did you mean \"lost-finish drained\"?"));
    CHECK(here.gate({"--only", "*drained", "--only", "lost-finish draind"}).status == 4); // a typo beside what is there
}

TEST_CASE("a known violation passes, a fixed one makes the baseline stale, and --update-baseline rewrites it") {
    gate_folder const here(broken);
    CHECK(here.gate({"--update-baseline"}).status == 0);
    std::string const written = here.read("gate.baseline.json");
    CHECK_THAT(written, ContainsSubstring("\"rule\": \"callback-after-destroy\""));
    CHECK(here.gate().status == 0); // found beside the gate file
    CHECK(here.gate({"--update-baseline"}).status == 0);
    CHECK(here.read("gate.baseline.json") == written);

    here.write("gate.json",
        gate_of(
            R"({"name": "lost-finish as-reported", "scenario": "lost-finish", "policy": "drained", "expect": "clean"})"));
    result const fixed = here.gate();
    INFO(fixed.out << fixed.err);
    CHECK(fixed.status == 5);
    CHECK_THAT(fixed.out, ContainsSubstring("fixed: callback-after-destroy"));
    CHECK(here.gate({"--allow-stale"}).status == 0);
    CHECK(here.gate({"--bisect"}).status == 0);
    CHECK(here.gate({"--update-baseline"}).status == 0);
    CHECK(here.read("gate.baseline.json") ==
        "{\n  \"format\": \"shutdown-repro/baseline\",\n  \"version\": \"1.0\",\n  \"current\": [],\n  \"manual\": "
        "[]\n}\n");
}

TEST_CASE("gate --update-baseline keeps an exception, which expires by the date of SOURCE_DATE_EPOCH") {
    gate_folder const here(R"({"name": "c", "scenario": "quit-connection-close", "expect": "clean"})");
    here.write("gate.baseline.json",
        baseline_of(
            "", R"({"check": "c", "rule": "timer-lost", "reason": "the framework's", "expires": "2026-06-15"})"));
    CHECK(here.gate().status == 0);
    CHECK(here.gate({"--update-baseline"}).status == 0);
    CHECK_THAT(
        here.read("gate.baseline.json"), ContainsSubstring("the framework's") && ContainsSubstring("\"current\": []"));
    result const late = here.gate({}, "1781568000"); // a day later
    CHECK(late.status == 1);
    CHECK_THAT(late.out, ContainsSubstring("expired on 2026-06-15"));
    CHECK(here.gate({"--allow-stale"}, "1781568000").status == 1);
    CHECK(here.gate({}, "soon").status == 2);
}

TEST_CASE("gate --update-baseline writes nothing for an incomplete search, even if it found violations") {
    gate_folder const here(
        R"({"name": "c", "scenario": "lost-finish", "set": {"order": "any"}, "strategy": "exhaustive", "executions": 100, "expect": "clean"})");
    result const r = here.gate({"--update-baseline"});
    INFO(r.out);
    CHECK(r.status == 3);
    CHECK_THAT(r.out, ContainsSubstring("new: callback-after-destroy"));
    CHECK_THAT(r.err, ContainsSubstring("inconclusive, so gate.baseline.json was not changed"));
    CHECK_FALSE(here.has("gate.baseline.json"));
}

TEST_CASE(
    "a live check without repeat runs until known violations are proven fixed, so that they are new when they return") {
    auto const live = [](std::string const& more) {
        return gate_of(R"({"name": "c", "scenario": "lost-finish", "world": "live", "order": "client-first", )" + more +
            R"("expect": "clean"})");
    };
    gate_folder const here("");
    here.write("gate.json", live(""));
    REQUIRE(here.gate({"--update-baseline"}).status == 0);
    CHECK_THAT(here.gate({}).out, ContainsSubstring("1 execution")); // what is known came at once
    here.write("gate.json", live(R"("policy": "drained", )"));
    result const fixed = here.gate({"--update-baseline"});
    CHECK(fixed.status == 0);
    CHECK_THAT(fixed.out, ContainsSubstring("clean, 15 executions"));
    here.write("gate.json", live(""));
    result const again = here.gate();
    CHECK(again.status == 1);
    CHECK_THAT(again.out, ContainsSubstring("new: callback-after-destroy"));
    here.write("gate.json", live(R"("policy": "drained", "repeat": 2, )"));
    REQUIRE(run({"gate", "gate.json", "--update-baseline"}, {.in = here.path()}).status == 0);
}

TEST_CASE("gate --update-baseline writes nothing when something was inconclusive, or when the disk is full") {
    gate_folder const here(broken + "," + unproven);
    result const r = here.gate({"--update-baseline"});
    CHECK(r.status == 3);
    CHECK_THAT(r.err, ContainsSubstring("inconclusive, so gate.baseline.json was not changed"));
    CHECK_FALSE(here.has("gate.baseline.json"));
    gate_folder const full(broken + "," + clean);
    full.write("b.json", baseline_of(""));
    std::string const before = full.read("b.json");
    // A file size limit of 0 acts like a full disk, but pipes still work.
    auto const limited = [&](std::string const& more) {
        return run_line(
            "(trap '' XFSZ; ulimit -f 0; shutdown-repro gate gate.json --baseline b.json --update-baseline " + more +
                " 2>&1; echo exit $?) | cat",
            full.path())
            .out;
    };
    CHECK_THAT(limited(""),
        ContainsSubstring("1 passed, 1 failed\nexit 1\n") &&
            ContainsSubstring("shutdown-repro: --update-baseline: cannot write b.json: File too large, so b.json was "
                              "not changed\n") &&
            ContainsSubstring(
                "shutdown-repro: --keep: cannot write findings/lost-finish-as-reported-1.jsonl: File too large\n"));
    CHECK_THAT(limited("--only '*drained'"), ContainsSubstring("1 passed\nexit 2\n"));
    CHECK(full.read("b.json") == before);
    for (auto const& entry : std::filesystem::recursive_directory_iterator(full.path()))
        CHECK(entry.path().extension() != ".tmp");
}

TEST_CASE("a violation whose trace can't be kept is reported without a path of a trace") {
    gate_folder const here(
        broken + R"(,{"name": "too", "scenario": "lost-finish", "order": "client-first", "expect": "clean"})");
    result const r = here.gate({"--keep", "/dev/null/x", "--junit", "junit.xml", "--json"});
    CHECK(r.status == 1);
    CHECK(r.err == "shutdown-repro: --keep: cannot create the folder /dev/null/x: Not a directory; name another one\n");
    CHECK_FALSE(json::parse(r.out)["checks"][0]["violations"][0].contains("trace"));
    CHECK_THAT(here.read("junit.xml"), ContainsSubstring("finish-event-lost"));
    CHECK(here.gate({"--keep", "/dev/null/x", "--bisect"}).status == 1);
    result const explored =
        run({"explore", "lost-finish", "--executions", "100", "--keep", "/dev/null/x"}, {.in = here.path()});
    CHECK(explored.status == 1);
    CHECK_THAT(explored.out, ContainsSubstring("finish-event-lost") && !ContainsSubstring("replay"));
}

TEST_CASE("checks whose names differ only in punctuation have separate trace files") {
    std::string const tail = R"(", "scenario": "lost-finish", "order": "client-first", "expect": "clean"})";
    gate_folder const here(R"({"name": "a b)" + tail + R"(,{"name": "a-b)" + tail + R"(,{"name": "a-b-2)" + tail);
    std::vector<std::string> kept;
    json const d = json::parse(here.gate({"--json"}).out);
    for (json const& c : d["checks"]) kept.push_back(c["violations"][0]["trace"]);
    std::ranges::sort(kept);
    CHECK(
        kept == std::vector<std::string>{"findings/a-b-1.jsonl", "findings/a-b-2-1.jsonl", "findings/a-b-2-2-1.jsonl"});
}

TEST_CASE("the document of gate has the verdict, and the violations of each check with their replay commands") {
    gate_folder const here(broken);
    json const d = json::parse(here.gate({"--json"}).out);
    CHECK(d["format"] == "shutdown-repro/report");
    CHECK(d["verdict"] == "failed");
    json const& c = d["checks"][0];
    CHECK(c["outcome"] == "failed");
    CHECK(c["line"] == 1);
    json const& v = c["violations"][0];
    CHECK(v["stands"] == "new");
    CHECK(v["witness"].size() > 0);
    CHECK(run_line(v["replay"].get<std::string>(), here.path()).status == 1);
    CHECK(run({"check", v["trace"]}, {.in = here.path()}).status == 1);
}

TEST_CASE("an error in a gate file or a baseline names the line, the field and the remedy") {
    struct {
        std::string checks, says;
    } const cases[] = {
        {"\n{\"scenario\": \"lost-finish\", \"strategy\": \"auto\", \"executions\": \"lots\", \"expect\": \"clean\"}",
            "gate.json:2: \"checks.1.executions\" must be a number, not \"lots\""},
        {"\n\n{\"scenaro\": \"lost-finish\"}",
            "gate.json:3: unknown field \"checks.1.scenaro\"; did you mean \"scenario\"?"},
        {"{\"scenario\": \"lost-finsh\", \"expect\": \"clean\"}",
            "gate.json:1: unknown scenario \"lost-finsh\"; did you mean \"lost-finish\"?"},
        {"{\"scenario\": \"lost-finish\", \"policy\": \"draind\", \"expect\": \"clean\"}", "did you mean \"drained\"?"},
        {"{\"scenario\": \"lost-finish\", \"set\": {\"conections\": 2}, \"expect\": \"clean\"}",
            "did you mean \"connections\"?"},
        {"{\"scenario\": \"lost-finish\", \"expect\": {\"violated\": [\"timer-lots\"]}}",
            "did you mean \"timer-lost\"? (list rules)"},
        {"{\"scenario\": \"lost-finish\", \"expect\": {\"violated\": []}}",
            "\"checks.1.expect.violated\" must have 1 to"},
        {"{\"scenario\": \"lost-finish\"}", "has no \"expect\""},
        {"{\"expect\": \"clean\"}", "has no \"scenario\""},
        {"{\"scenario\": \"lost-finish\", \"strategy\": \"atuo\", \"expect\": \"clean\"}", "did you mean \"auto\"?"},
        {"{\"scenario\": \"lost-finish\", \"repeat\": 3, \"expect\": \"clean\"}", "applies only to the live world"},
        {"{\"scenario\": \"lost-finish\", \"world\": \"live\", \"strategy\": \"auto\", \"expect\": \"clean\"}",
            "applies only to the simulated world"},
        {"{\"scenario\": \"scope-disposal\", \"stop\": \"any\", \"world\": \"live\", \"expect\": \"clean\"}",
            "gate.json:1: \"checks.1.world\" can't be \"live\": the moment \"any\" is a decision"},
        {"{\"scenario\": \"missing.json\", \"expect\": \"clean\"}", "gate.json:1: cannot read"},
        {clean + ",\n" + clean, "gate.json:2: \"checks.2\" has the name of the check at gate.json:1"},
        {"{\"name\": \"a\\u001b[31m\", \"scenario\": \"lost-finish\", \"expect\": \"clean\"}",
            "must be one line of text"},
        {"{\"scenario\": {\"scenario\": \"x\",\n\"grace\": \"lots\"}, \"expect\": \"clean\"}",
            "gate.json:2: \"checks.1.scenario.grace\" must be"},
    };
    for (auto const& c : cases) {
        gate_folder const here(c.checks);
        result const r = here.gate();
        INFO(c.checks << "\n" << r.err);
        CHECK(r.status == 2);
        CHECK(lines(r.err).size() == 1);
        CHECK_THAT(r.err, ContainsSubstring(c.says));
        CHECK(here.gate({"--bisect"}).status == 128);
    }
    struct {
        std::string current, manual, says;
    } const baselines[] = {
        {R"({"check": "c", "rule": "timer-lots", "fingerprint": "f", "violated": 1, "of": 1})", "",
            "did you mean \"timer-lost\"?"},
        {R"({"check": "c", "rule": "timer-lost", "fingerprint": "f", "violated": 2, "of": 1})", "",
            "\"current.1.violated\" must be a number of trials from 1 to 1, not 2"},
        {"", R"({"check": "c", "rule": "timer-lost", "expires": "2026-06-15"})", "has no \"reason\""},
        {"", R"({"check": "c", "rule": "timer-lost", "reason": "r", "expires": "2026-02-30"})",
            "\"manual.1.expires\" must be a day"},
        {"", R"({"check": "c", "rule": "timer-lost", "reason": "r", "expires": "soon"})",
            "\"manual.1.expires\" must be a day"},
    };
    for (auto const& b : baselines) {
        gate_folder const here(clean);
        here.write("gate.baseline.json", baseline_of(b.current, b.manual));
        result const r = here.gate();
        INFO(r.err);
        CHECK(r.status == 2);
        CHECK_THAT(r.err, ContainsSubstring("gate.baseline.json:1: ") && ContainsSubstring(b.says));
    }
}

TEST_CASE("a live server that does not start makes its check inconclusive, and the other checks run") {
    std::string const live =
        R"({"scenario": "lost-finish", "policy": "drained", "world": "live", "repeat": 3, "expect": "clean"})";
    gate_folder const here(live + "," + broken);
    here.write("no-server", "#!/bin/sh\necho ::error::no config >&2\nexit 7\n");
    std::filesystem::permissions(here.file("no-server"), std::filesystem::perms::owner_all);
    result const r = here.gate({"--server", here.file("no-server"), "--github"});
    INFO(r.out << r.err);
    CHECK(r.status == 1);
    CHECK_THAT(r.out,
        ContainsSubstring("1 failed, 1 inconclusive") &&
            ContainsSubstring("inconclusive: the server did not start: ::error::no config, 1 of 1 execution"));
    CHECK(here.gate({"--server", here.file("none"), "--only", "*live"}).status == 3);
}

TEST_CASE("GitHub's runner reads no command in the quoted output of a server") {
    folder const here;
    here.write("no-server", "#!/bin/sh\nprintf '::error::a\\n  ::add-mask::b\\nx ##[error]c\\n' >&2\nexit 7\n");
    std::filesystem::permissions(here.file("no-server"), std::filesystem::perms::owner_all);
    result const r = run({"run", "lost-finish", "--server", here.file("no-server")}, {.in = here.path()});
    CHECK(r.status == 3);
    CHECK(r.err == "shutdown-repro: the server did not start: ::error::a\n  |   ::add-mask::b\n  | x ##\\x5berror]c\n");
}

TEST_CASE(
    "a trial that diverges from its schedule proves nothing, neither that a violation remains nor that it is fixed") {
    std::string const schedule = R"("scenario": "lost-finish", "order": "client-first", "schedule": "1=77", )";
    gate_folder const reproduces("{" + schedule + R"("expect": {"violated": ["finish-event-lost"]}})");
    result const r = reproduces.gate();
    INFO(r.out << r.err);
    CHECK(r.status == 3);
    CHECK_THAT(r.out, ContainsSubstring("diverged from the schedule"));
    gate_folder const is_clean("{" + schedule + R"("expect": "clean"})");
    CHECK(is_clean.gate({"--update-baseline"}).status == 3);
    CHECK_FALSE(is_clean.has("gate.baseline.json"));
}

TEST_CASE("scenario files are relative to the gate file") {
    folder const here;
    std::filesystem::create_directory(here.file("ci"));
    here.write("ci/mine.json", R"({"scenario": "mine", "policy": "drained", "stop": "server.ready#1"})");
    here.write("ci/gate.json", gate_of(R"({"scenario": "mine.json", "expect": "clean"})"));
    CHECK(run({"gate", "ci/gate.json"}, {.in = here.path()}).status == 0);
}

TEST_CASE("Ctrl-C reports the checks so far, and the gate does not pass") {
    gate_folder const here(clean +
        R"(,{"name": "long", "scenario": "scope-disposal", "policy": "drained", "set": {"requests": 6}, "strategy": "random", "executions": 1000000000, "expect": "clean"})");
    program gate({"gate", "gate.json", "--json"}, {.in = here.path()});
    while (gate.runs() && kill(gate.id(), 0) == 0) { // until its handler is there, a signal would end it without a word
        std::string const status = slurp("/proc/" + std::to_string(gate.id()) + "/status");
        auto const at = status.find("SigCgt:");
        if (at != status.npos && std::stoull(status.substr(at + 8, 16), nullptr, 16) & (1u << (SIGINT - 1))) break;
    }
    kill(gate.id(), SIGINT);
    result const r = gate.wait();
    INFO(r.err);
    CHECK(r.status == 3);
    json const d = json::parse(r.out);
    CHECK(d["interrupted"] == true);
    CHECK(d["verdict"] == "inconclusive");
}

TEST_CASE("gate --print prints the bundled gate, which CI runs as a file, and its SARIF has a place for each result") {
    std::string const file = slurp(SOURCE_DIR "/repro/gate/bundled_gate.json");
    CHECK(run({"gate", "--print"}).out == file);
    CHECK_THAT(
        slurp(SOURCE_DIR "/.github/workflows/gate.yml"), ContainsSubstring(" gate repro/gate/bundled_gate.json "));
    folder const here;
    here.write("gate.json", std::regex_replace(file, std::regex(R"(\{"violated": [^}]*\})"), "\"clean\""));
    CHECK(run({"gate", "gate.json", "--only", "* as-reported", "--sarif", "gate.sarif"}, {.in = here.path()}).status ==
        1);
    json const results = json::parse(here.read("gate.sarif"))["runs"][0]["results"];
    CHECK(results.size() >= 7);
    for (json const& r : results)
        CHECK(r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "gate.json");
}

TEST_CASE("gate --bisect exits with the statuses of git bisect run, even for an invalid command line") {
    struct {
        std::string checks;
        std::vector<std::string> more;
        int status;
    } const cases[] = {
        {clean, {}, 0},
        {broken, {}, 1},
        {unproven, {}, 125},
        {clean, {"--only", "nobody"}, 125},
        {clean, {"--polcy"}, 128},
        {"{}", {}, 128},
    };
    for (auto c : cases) {
        gate_folder const here(c.checks);
        c.more.push_back("--bisect");
        CHECK(here.gate(c.more).status == c.status);
    }
    gate_folder const here(unproven);
    CHECK(run({"--color", "never", "gate", "gate.json", "--bisect"}, {.in = here.path()}).status == 125);
    // --bisect of another command, and of a program after "--", does not count.
    CHECK(run({"list", "gate", "--bisect"}, {.in = here.path()}).status == 2);
    CHECK(run({"run", "--target", "--", "./none", "--bisect", "{port}"}, {.in = here.path()}).status == 3);
    CHECK(run({"gate", "gate.json", "--", "--bisect"}, {.in = here.path()}).status == 2);
}

// 30 commits: the two in the middle, where the search begins, don't build, and the 18th breaks a check.
TEST_CASE("git bisect run finds the commit that broke the gate, past commits that do not build") {
    if (std::system("git --version >/dev/null 2>&1") != 0) {
        shutdown_repro::tests::skip("there is no git");
        return;
    }
    gate_folder const here(R"({"name": "c", "scenario": "server.json", "expect": "clean"})");
    here.write("history.sh", R"sh(set -e
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@localhost GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@localhost
git init -q .
policy=drained
for n in $(seq 30); do
    [ $n -lt 18 ] || policy=as-reported
    # "make" is a script that writes the server that is tested
    echo "echo '{\"scenario\": \"mine\", \"server\": \"reactor\", \"order\": \"client-first\", \"timer\": \"none\", \"policy\": \"$policy\"}' > server.json" > make.sh
    case $n in 15|16) echo 'exit 1' > make.sh ;; esac
    echo $n > version
    git add gate.json make.sh version
    git commit -q -m "commit $n"
done
git bisect start HEAD HEAD~29 >/dev/null
git bisect run sh -c 'rm -f server.json; sh ./make.sh || exit 125; shutdown-repro gate gate.json --bisect' > bisect.log 2>&1 || { cat bisect.log; exit 1; }
git bisect log >> bisect.log
git log -1 --format=%s refs/bisect/bad
)sh");
    result const r = run_line("sh history.sh", here.path());
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    CHECK(r.out == "commit 18\n");
    CHECK_THAT(here.read("bisect.log"), ContainsSubstring("skip"));
}
