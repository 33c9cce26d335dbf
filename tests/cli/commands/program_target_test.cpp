// Tests run and explore with a target that is a program.
#include <csignal>
#include <cstdlib>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/repro/live/live_tools.hpp"
#include "tests/skip.hpp"

using namespace shutdown_repro::cli_tests;

namespace {

bool no_mojolicious() {
    if (std::system("perl -MMojolicious -e 1 >/dev/null 2>&1") == 0) return false;
    shutdown_repro::tests::skip(
        "there is no Mojolicious on this machine, so its race was not forced (apt install libmojolicious-perl)");
    return true;
}

} // namespace

TEST_CASE("the second report's race is forced both ways on the real Mojolicious, by one command") {
    if (no_mojolicious()) return;
    folder const here;
    auto const client =
        run({"run", "--target", "mojolicious-timer", "--order", "client-first", "--repeat", "2"}, {.in = here.path()});
    CHECK(client.status == 1);
    for (char const* rule :
        {"✗ callback-after-destroy", "    and so: ", "finish-event-lost", "timer-lost", "2 of 2 executions violated"})
        CHECK_THAT(client.out, ContainsSubstring(rule));
    auto const server = run({"run", "--target", "mojolicious-timer", "--order", "server-first"}, {.in = here.path()});
    CHECK(server.status == 1);
    CHECK_THAT(server.out, ContainsSubstring("✗ timer-lost") && !ContainsSubstring("finish-event-lost"));
}

TEST_CASE("explore runs every order of a real program and says that these were all") {
    if (no_mojolicious()) return;
    folder const here;
    auto const told = run({"explore", "--target", "mojolicious-timer"}, {.in = here.path()});
    CHECK(told.status == 1);
    CHECK_THAT(told.out, ContainsSubstring("all 8 orders of its ready handles were run"));
    CHECK_THAT(told.out, ContainsSubstring("run --target mojolicious-timer --schedule 2=1"));
}

TEST_CASE("the printed command runs a program again from its own target file") {
    folder const here;
    here.write("mine.json",
        R"({"format": "shutdown-repro/target", "version": "1.0", "name": "other", "program": true, "adapter": "own", "grace_ms": 200,
                                "command": ["/bin/sleep", "3600"]})");
    auto const told = run({"run", "--target", "./mine.json", "--repeat", "2"}, {.in = here.path()});
    INFO(told.out << told.err);
    CHECK_THAT(told.out, ContainsSubstring("shutdown-repro run --target ./mine.json --repeat 2\n"));
}

TEST_CASE("Ctrl-C during a program keeps its partial trace, or the trace of an earlier violation") {
    folder const here;
    bool const violated_first = GENERATE(false, true);
    std::string const first =
        violated_first ? "mkdir once 2>/dev/null && { setsid tail -f /dev/null & exit 0; }; " : "";
    here.write("mine.json",
        R"({"format": "shutdown-repro/target", "version": "1.0", "name": "mine", "program": true, "adapter": "own", "grace_ms": 60000,
                                "command": ["/bin/sh", "-c", ")" +
            first + R"(echo $$ > pid; exec tail -f /dev/null"]})");
    program p({"run", "--target", "./mine.json", "--repeat", "2"}, {.in = here.path()});
    REQUIRE(shutdown_repro::wait_for_change(
        here.path(), [&] { return here.has("pid") && here.read("pid").ends_with('\n'); }));
    kill(p.id(), SIGINT);
    result const r = p.wait();
    CHECK(r.status == 128 + SIGINT);
    CHECK_THAT(r.err, ContainsSubstring("interrupted; the trace so far is in mine.jsonl"));
    CHECK_THAT(here.read("mine.jsonl"),
        ContainsSubstring(violated_first ? "\"process.orphan\"" : "\"note\":\"interrupted by SIGINT\""));
}

TEST_CASE("the error for an option that a program does not take names the option") {
    auto const refused = [](std::vector<std::string> const& words, std::string const& why) {
        auto const r = run(words);
        CHECK(r.status == 2);
        CHECK_THAT(r.err, ContainsSubstring(why));
    };
    refused({"run", "--target", "mojolicious-timer", "--probe", "idle"}, "--probe: this target is a program");
    refused({"run", "--target", "mojolicious-timer", "--order", "mine"}, "must be client-first or server-first");
    refused({"run", "--target", "mojolicious-timer", "--order", "client-first", "--schedule", "2=1"},
        "--schedule and --order both choose the order");
    refused(
        {"run", "--target", "nginx", "--schedule", "2=1"}, "--schedule: only scenarios and targets that are programs");
    refused({"run", "--target", "nginx", "--order", "client-first"}, "--order: only an adapter");
    refused({"explore"}, "SCENARIO is required, or --target");
    for (char const* const option : {"--jobs=2", "--shard=1/2", "--seconds=3", "--verify=2", "--policy=drained"})
        refused({"explore", "--target", "mojolicious-timer", option}, "only scenarios are explored with it");
}
