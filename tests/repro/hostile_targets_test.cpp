// Servers that do everything wrong: each gets a verdict, none hangs us, and nothing of them is left.
#include "repro/errors.hpp"
#include <csignal>
#include <sys/wait.h>
#include "repro/guardian.hpp"
#include "repro/slow_backend.hpp"
#include "tests/catch.hpp"
#include "tests/repro/live_tools.hpp"
#include "tests/repro/probe_tools.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;

namespace {

target hostile(std::string const& how) {
    target t;
    t.name = "hostile";
    t.command = {HOSTILE_SERVER, how, "{port}"};
    t.slow = "/slow";
    t.grace_ms = 300;
    t.ready.within_ms = 5'000;
    return t;
}

// Why it did not start; the status that says that nothing can be said is checked.
std::string refusal(target const& t, std::string_view probe = "idle") {
    try {
        run_probe(t, probe, {.connections = 2});
    } catch (input_error const& e) {
        CHECK(e.exit_status == inconclusive);
        CHECK(nobody_left());
        return e.what();
    }
    return "it started";
}

probe_facts probe(target const& t, std::string_view what) {
    probe_facts const f = facts_of(run_probe(t, what, {.connections = 2}));
    CHECK(nobody_left());
    return f;
}

bool runs_still(int pid) {
    auto const row = find_process(pid);
    return row && row->state != 'Z';
}

} // namespace

TEST_CASE("a target that exits at once did not start, and its last words are told") {
    CHECK_THAT(refusal(hostile("exits")), ContainsSubstring("hostile did not start: it ended with status 7; it said:\nno config"));
}

TEST_CASE("a target that dies at once did not start, and the signal is told") {
    CHECK_THAT(refusal(hostile("aborts")), ContainsSubstring("it died of SIGABRT"));
}

TEST_CASE("a target that never listens is not ready in its time") {
    target t = hostile("deaf");
    t.ready.within_ms = 200;
    CHECK_THAT(refusal(t), ContainsSubstring("it was not ready within 200 ms"));
}

TEST_CASE("a target that listens and never answers is not ready over HTTP") {
    target t = hostile("mute");
    t.ready.http.emplace();
    t.ready.within_ms = 200;
    CHECK_THAT(refusal(t), ContainsSubstring("it was not ready within 200 ms"));
}

TEST_CASE("a target that goes to the background is told to stay, and is not left there") {
    std::string const said = refusal(hostile("daemon"));
    CHECK_THAT(said, ContainsSubstring("it ended with status 0"));
    auto const at = said.find('(');
    REQUIRE(at != said.npos);
    CHECK_FALSE(runs_still(std::atoi(said.c_str() + at + 1)));
}

TEST_CASE("a target that ignores the signal is killed after the grace") {
    probe_facts const f = probe(hostile("ignores"), "idle");
    CHECK(f.killed);
    CHECK(f.end == "SIGKILL");
    CHECK(f.left_open == 2);
}

TEST_CASE("a target that writes megabytes to its standard error is not held up by that, and its trace stays small") {
    traces::trace const t = run_probe(hostile("loud"), "idle", {.connections = 2});
    probe_facts const f = facts_of(t);
    CHECK(f.end == "status 0");
    CHECK_FALSE(f.killed);
    CHECK(f.said.size() > 100'000);
    CHECK(f.said.size() < 1'000'000);
}

TEST_CASE("a target that speaks no HTTP is inconclusive, and what it said is told") {
    CHECK_THAT(probe(hostile("no-http"), "idle").note, ContainsSubstring("no HTTP: \"SSH-2.0"));
}

TEST_CASE("a target that closes each connection at once is inconclusive") {
    CHECK_THAT(probe(hostile("closes"), "silent").note, ContainsSubstring("there was not a silent connection"));
    CHECK_THAT(probe(hostile("closes"), "idle").note, ContainsSubstring("there was not an idle connection"));
}

TEST_CASE("a slow URL that is not slow is inconclusive, for nothing was in flight") {
    CHECK_THAT(probe(hostile("polite"), "in-flight").note, ContainsSubstring("the slow URL was answered before the stop"));
}

TEST_CASE("a child that outlives the server is an orphan, and is not left") {
    probe_facts const f = probe(hostile("orphans"), "idle");
    CHECK(f.end == "status 0");
    CHECK(f.orphan);
}

TEST_CASE("a target that a command stops is stopped by it, and a command that fails is told") {
    target t = hostile("polite");
    t.stop.by = target::way::command;
    t.stop.command = {"kill", "{pid}"};
    probe_facts const f = probe(t, "idle");
    CHECK(f.stopped);
    CHECK(f.end == "status 0");
    t.stop.command = {"false"};
    CHECK_THAT(probe(t, "idle").note, ContainsSubstring("the command that stops it failed"));
}

TEST_CASE("a target that a request stops is stopped by it") {
    target t = hostile("polite");
    t.stop.by = target::way::http;
    t.stop.http = {.method = "POST", .path = "/stop"};
    probe_facts const f = probe(t, "idle");
    CHECK(f.stopped);
    CHECK(f.end == "status 0");
    CHECK_FALSE(f.killed);
}

TEST_CASE("a program that is not there is named with its package") {
    target t = hostile("polite");
    t.command = {"no-such-server"};
    t.package = "no-such-package";
    CHECK_THAT(refusal(t), ContainsSubstring("cannot find the program no-such-server; install the Debian package no-such-package"));
}

TEST_CASE("a port that is taken is told before anything is started") {
    poller events;
    slow_backend const other(events);
    target t = hostile("polite");
    t.port = other.port();
    CHECK_THAT(refusal(t), ContainsSubstring("is in use already"));
}

TEST_CASE("the guardian ends whoever has the mark, wherever he went, when we are gone without a word") {
    std::string const mark = "SHUTDOWN_REPRO_MARK=test-" + std::to_string(getpid());
    int channel[2];
    REQUIRE(pipe2(channel, O_CLOEXEC) == 0);
    pid_t const starter = fork();
    if (starter == 0) {
        guardian g(mark);
        // A daemon, in a session of its own, of which nobody was told.
        child_process child(launch{.path = "/bin/sh", .arguments = {"-c", "setsid tail -f /dev/null & echo $!"}, .environment = {mark}, .speaks = true});
        char text[32] = {};
        if (!readable_in_time(child.notes()) || read(child.notes(), text, sizeof text - 1) <= 0) _exit(1);
        int const pid = std::atoi(text);
        [[maybe_unused]] auto const told = write(channel[1], &pid, sizeof pid);
        pause();
        _exit(1);
    }
    close(channel[1]);
    int pid = 0;
    REQUIRE(read(channel[0], &pid, sizeof pid) == sizeof pid);
    close(channel[0]);
    descriptor const process = handle_of_process(pid);
    REQUIRE(process);
    kill(starter, SIGKILL);
    REQUIRE(waitpid(starter, nullptr, 0) == starter);
    CHECK(readable_in_time(process.get()));
}
