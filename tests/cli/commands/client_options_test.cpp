// The options of run --target that say what is right for a server, the grades of its probes, and presets as files.
#include <nlohmann/json.hpp>
#include "cli/report/target_report.hpp"
#include "repro/probe/probe.hpp"
#include "repro/target/target.hpp"
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
namespace repro = shutdown_repro::repro;

namespace {

std::vector<std::string> on_server(std::vector<std::string> options, std::string const& how) {
    options.insert(options.begin(), {"run", "--connections", "2"});
    options.insert(options.end(), {"--", HOSTILE_SERVER, how, "{port}"});
    return options;
}

} // namespace

TEST_CASE("what list targets --print prints of each preset is accepted as the file of the same target") {
    folder const here;
    for (repro::target const& t : repro::preset_targets()) {
        INFO(t.name);
        result const r = run({"list", "targets", "--print", t.name});
        REQUIRE(r.status == 0);
        repro::target const read = repro::target_from_text(r.out, "printed.json");
        CHECK(read.name == t.name);
        CHECK(read.command == t.command);
        CHECK(read.files == t.files);
        CHECK(repro::to_json_text(read) == repro::to_json_text(t));
    }
    CHECK_THAT(run({"list", "targets", "--print", "ngnix"}).err, ContainsSubstring("did you mean \"nginx\"?"));
    CHECK_THAT(run({"list", "probes", "--print", "nginx"}).err, ContainsSubstring("only list targets takes --print"));
}

TEST_CASE("strict probes of all probes are shown apart and do not decide, unless --strict or their name asks for it") {
    shutdown_repro::cli::target_report report;
    report.probes.resize(2);
    report.probes[0].probe = "idle", report.probes[1].probe = "silent";
    for (auto& p : report.probes) p.runs = 1;
    report.probes[1].violated = 1;
    CHECK(report.verdict() == shutdown_repro::traces::verdict::violated);
    report.probes[1].counts = false;
    CHECK(report.verdict() == shutdown_repro::traces::verdict::clean);
    std::string const text = as_text(report, shutdown_repro::traces::text_style{.width = 100});
    CHECK_THAT(text, ContainsSubstring("strict probes, which do not decide the exit status without --strict:\nsilent"));
    CHECK_THAT(text, ContainsSubstring("1 of 2 executions violated, 1 of them of strict probes"));
}

TEST_CASE("list probes says the grade of each, and --probe all runs those of the default grade first") {
    CHECK_THAT(run({"list", "probes"}).out, ContainsSubstring("default · ") && ContainsSubstring("strict · "));
    folder const here;
    auto const d =
        nlohmann::json::parse(run(on_server({"--probe", "all", "--json"}, "polite"), {.in = here.path()}).out);
    bool strict = false;
    for (auto const& p : d["probes"]) {
        strict |= p["grade"] == "strict";
        CHECK((p["grade"] == "strict") == strict); // none of the default grade follows
        CHECK(p["decides"] == !strict);
    }
    CHECK(strict);
}

TEST_CASE("an allowed rule is noted, an allowed exit status is right, and the command to repeat says both") {
    folder const here;
    std::vector<std::string> const options = {"--probe", "idle", "--grace", "200"};
    auto const with = [&](std::initializer_list<char const*> more) {
        std::vector<std::string> all = options;
        all.insert(all.end(), more.begin(), more.end());
        return run(on_server(all, "ignores"), {.in = here.path()});
    };
    CHECK(with({}).status == 1);
    result const r =
        with({"--allow", "killed-after-grace", "--allow", "stop-signal-unhandled", "--exit", "7", "--exit", "8"});
    INFO(r.out << r.err);
    CHECK(r.status == 0);
    result const one = with({"--allow", "killed-after-grace", "--exit", "7"});
    CHECK(one.status == 1);
    CHECK_THAT(one.out, ContainsSubstring("--exit 7 --allow killed-after-grace --grace 200"));
    CHECK_THAT(with({"--allow", "killed-after-grce"}).err, ContainsSubstring("did you mean \"killed-after-grace\"?"));
    CHECK(with({"--exit", "256"}).status == 2);
}

TEST_CASE("the trace of an allowed violation is judged alike when it is read again") {
    folder const here;
    result const r = run(on_server({"--probe", "idle", "--grace", "200", "--trace", "t.jsonl", "--allow",
                                       "killed-after-grace", "--allow", "stop-signal-unhandled"},
                             "ignores"),
        {.in = here.path()});
    CHECK(r.status == 0);
    CHECK_THAT(here.read("t.jsonl"), ContainsSubstring(R"("allow":["killed-after-grace","stop-signal-unhandled"])"));
    CHECK(run({"check", "t.jsonl"}, {.in = here.path()}).status == 0);
}

TEST_CASE("conditions of readiness are added by --ready, which says what it takes") {
    folder const here;
    auto const ready = [&](std::vector<std::string> options) {
        options.insert(options.begin(), {"--probe", "silent"});
        return run(on_server(options, "polite"), {.in = here.path()});
    };
    CHECK(ready({"--ready", "/", "--ready", "command:true"}).status == 0);
    result const late = ready({"--ready", "log:never said", "--ready", "within:300"});
    CHECK(late.status == 3);
    CHECK_THAT(late.err, ContainsSubstring("it did not become ready within 300 ms"));
    CHECK_THAT(ready({"--ready", "soon"}).err, ContainsSubstring("--ready takes a path such as /health"));
    CHECK_THAT(ready({"--ready", "workers:many"}).err, ContainsSubstring("needs a whole number from 1 to 256"));
    CHECK_THAT(ready({"--ready", "log:("}).err, ContainsSubstring("not a regular expression"));
}

TEST_CASE("a URL on the command line may follow a method") {
    folder const here;
    result const r = run(on_server({"--probe", "idle", "--upload", "put it"}, "polite"), {.in = here.path()});
    CHECK(r.status == 2);
    CHECK_THAT(r.err, ContainsSubstring("--upload must be a path on the server such as /slow, or \"POST /slow\""));
    CHECK_THAT(run({"run", "scope-disposal", "--upload", "/"}).err, ContainsSubstring("only a real server takes it"));
}
