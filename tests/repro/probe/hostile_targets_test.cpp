// Tests misbehaving servers: each gets a verdict, none blocks this process, and no process of them is left.
#include <csignal>
#include <sys/wait.h>
#include "repro/clients/slow_backend.hpp"
#include "repro/input/errors.hpp"
#include "repro/target/program_run.hpp"
#include "repro/watch/child_story.hpp"
#include "repro/watch/guardian.hpp"
#include "tests/catch.hpp"
#include "tests/repro/live/live_tools.hpp"
#include "tests/repro/probe/probe_tools.hpp"
#include "traces/clock.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;

namespace {

target hostile(std::string const& how) {
    target t;
    t.name = "hostile";
    t.command = {HOSTILE_SERVER, how, "{port}"};
    t.slow.path = "/slow";
    t.grace_ms = 300;
    t.ready.within_ms = 5'000;
    return t;
}

// Returns why it did not start, and checks that the exit status is "inconclusive".
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

TEST_CASE("a target that exits at once did not start, and its output is reported") {
    CHECK_THAT(refusal(hostile("exits")),
        ContainsSubstring("hostile did not start: it exited with status 7; its output:\nno config"));
}

TEST_CASE("a target that is killed at once did not start, and the signal is reported") {
    CHECK_THAT(refusal(hostile("aborts")), ContainsSubstring("it was killed by SIGABRT"));
}

TEST_CASE("a target that never listens does not become ready in time") {
    target t = hostile("deaf");
    t.ready.within_ms = 200;
    CHECK_THAT(refusal(t), ContainsSubstring("it did not become ready within 200 ms"));
}

TEST_CASE("a target that listens and never answers is not ready over HTTP") {
    target t = hostile("mute");
    t.ready.http.emplace();
    t.ready.within_ms = 200;
    CHECK_THAT(refusal(t), ContainsSubstring("it did not become ready within 200 ms"));
}

TEST_CASE("readiness can be tested with HEAD, whose response has a length but no body") {
    target t = hostile("polite");
    t.ready.http = {.method = "HEAD"};
    CHECK(probe(t, "idle").end == "status 0");
}

TEST_CASE("the error for a target that daemonizes itself says so, and no process of it is left") {
    std::string const said = refusal(hostile("daemon"));
    CHECK_THAT(said, ContainsSubstring("it exited with status 0"));
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

TEST_CASE("a target that writes megabytes to standard error is not blocked, and its trace stays small") {
    traces::trace const t = run_probe(hostile("loud"), "idle", {.connections = 2});
    probe_facts const f = facts_of(t);
    CHECK(f.end == "status 0");
    CHECK_FALSE(f.killed);
    CHECK(f.said.size() > 100'000);
    CHECK(f.said.size() < 1'000'000);
}

TEST_CASE("a target that does not speak HTTP is inconclusive, and its response is reported") {
    CHECK_THAT(probe(hostile("no-http"), "idle").note, ContainsSubstring("not HTTP: \"SSH-2.0"));
}

TEST_CASE("a target that closes each connection at once is inconclusive") {
    CHECK_THAT(probe(hostile("closes"), "silent").note, ContainsSubstring("no connection was silent"));
    CHECK_THAT(probe(hostile("closes"), "idle").note, ContainsSubstring("no connection was idle"));
}

TEST_CASE("a slow URL that is not slow is inconclusive, because no request was in flight") {
    CHECK_THAT(probe(hostile("polite"), "in-flight").note, ContainsSubstring("the slow URL was answered at once"));
}

TEST_CASE("a child that outlives the server is an orphan, and is killed") {
    probe_facts const f = probe(hostile("orphans"), "idle");
    CHECK(f.end == "status 0");
    CHECK(f.orphan);
}

TEST_CASE("a process that left its parent, its session and its environment is an orphan, too, and is killed") {
    traces::trace const t = run_probe(hostile("hides"), "idle", {.connections = 2});
    CHECK(facts_of(t).end == "status 0");
    CHECK(breaks(t, "orphan-process"));
    CHECK(nobody_left());
}

TEST_CASE("a target that daemonizes itself and drops its environment is killed") {
    std::string const said = refusal(hostile("vanishes"));
    auto const at = said.find("running: it daemonizes itself");
    REQUIRE(at != said.npos);
    CHECK_FALSE(runs_still(std::atoi(said.c_str() + said.rfind('(', at) + 1)));
}

TEST_CASE("processes left by a program or by a stop command are reported and killed") {
    std::string const leaves = "env -i setsid tail -f /dev/null & ";
    program const p{
        .name = "leaver", .command = {"sh", "-c", leaves + "exit 0"}, .files = {}, .environment = {}, .adapter = "own"};
    CHECK(breaks(run_program(p, {}), "orphan-process"));
    CHECK(nobody_left());
    target t = hostile("polite");
    t.stop.by = target::stop_method::command;
    t.stop.command = {"sh", "-c", leaves + "kill {pid}"};
    CHECK(breaks(run_probe(t, "idle", {.connections = 2}), "orphan-process"));
    CHECK(nobody_left());
}

TEST_CASE("a program that leaves no process has no orphan") {
    program const p{
        .name = "leaver", .command = {"sh", "-c", "sleep 0 & wait"}, .files = {}, .environment = {}, .adapter = "own"};
    traces::trace const t = run_program(p, {});
    CHECK_FALSE(breaks(t, "orphan-process"));
    CHECK(std::ranges::count(t.events, traces::kind::process_left, &traces::event::what) == 1);
}

TEST_CASE("the texts of a program have their port and folder filled in, and what can't be written is an error") {
    program p{.name = "shouts",
        .command = {"sh", "{folder}/run.sh"},
        .files = {{"run.sh", "echo file {port} $PORT >&2"}},
        .environment = {{"PORT", "variable {port}"}},
        .adapter = "own"};
    std::string const said = facts_of(run_program(p, {})).said;
    int in_file = 0, in_variable = 0;
    REQUIRE(std::sscanf(said.c_str(), "file %d variable %d", &in_file, &in_variable) == 2);
    CHECK(in_file > 0);
    CHECK(in_file == in_variable);
    p.files = {{"no/such/folder", "text"}};
    CHECK_THROWS_WITH(run_program(p, {}), ContainsSubstring("cannot write "));
}

TEST_CASE("a stop that was refused, or answered with an error, does not count against the server") {
    target t = hostile("forbids");
    t.stop.by = target::stop_method::http;
    t.stop.http = {.method = "POST", .path = "/stop"};
    CHECK_THAT(
        refusal(t), ContainsSubstring("hostile was not told to stop: the stop request was answered with status 403"));
}

TEST_CASE("a server that SIGSTOP does not hold is inconclusive, with the reason") {
    target t = hostile("vforks");
    t.grace_ms = 10'000;
    probe_facts const f = probe(t, "backlog-frozen");
    CHECK_THAT(f.note, ContainsSubstring("SIGSTOP did not stop every process of the server: 1 kept running"));
}

TEST_CASE(
    "a server with an adapter is stopped while it is held at a point, and is inconclusive if it never reaches it") {
    target t = hostile("polite");
    t.adapter = "own";
    auto const held = [&](std::string const& point) {
        traces::trace const seen = run_probe(t, "idle", {.connections = 2, .stop_at = point});
        CHECK(nobody_left());
        return facts_of(seen);
    };
    probe_facts const f = held("request");
    CHECK(f.note.empty());
    CHECK(f.end == "status 0");
    CHECK(f.answered >= 1); // what it held in its hands when the stop came; idle clients have been answered before
    CHECK_THAT(held("dinner").note, ContainsSubstring("the target did not reach dinner"));
}

TEST_CASE("a second stop command does not cut the first one short") {
    test_folder folder;
    std::string const pipe = (folder.path / "pipe").string();
    target t = hostile("mute");
    t.grace_ms = 10'000;
    t.stop.by = target::stop_method::command; // the first one stops it when the second one has come
    t.stop.command = {"sh", "-c",
        "if mkfifo " + pipe + " 2>/dev/null; then read it < " + pipe + "; kill {pid}; else echo >" + pipe + "; fi"};
    probe_facts const f = probe(t, "second-signal");
    CHECK(f.end == "status 0");
    CHECK_FALSE(f.killed);
}

TEST_CASE("a stop command stops its target, and its failure is reported") {
    target t = hostile("polite");
    t.stop.by = target::stop_method::command;
    t.stop.command = {"kill", "{pid}"};
    probe_facts const f = probe(t, "idle");
    CHECK(f.stopped);
    CHECK(f.end == "status 0");
    t.stop.command = {"false"};
    CHECK_THAT(refusal(t), ContainsSubstring("hostile was not told to stop: the stop command failed: status 1"));
    t.stop.command = {"sh", "-c", "kill {pid}; exit 3"};
    CHECK_THAT(probe(t, "idle").note, ContainsSubstring("the stop command failed: status 3"));
}

TEST_CASE("a stop request stops its target") {
    target t = hostile("polite");
    t.stop.by = target::stop_method::http;
    t.stop.http = {.method = "POST", .path = "/stop"};
    probe_facts const f = probe(t, "idle");
    CHECK(f.stopped);
    CHECK(f.end == "status 0");
    CHECK_FALSE(f.killed);
}

TEST_CASE("the error for a missing program names its package") {
    target t = hostile("polite");
    t.command = {"no-such-server"};
    t.package = "no-such-package";
    CHECK_THAT(refusal(t),
        ContainsSubstring("cannot find the program no-such-server; install the Debian package no-such-package"));
}

TEST_CASE("a port in use is an error before anything starts") {
    poller events;
    slow_backend const other(events);
    target t = hostile("polite");
    t.port = other.port();
    CHECK_THAT(refusal(t), ContainsSubstring("is already in use"));
}

namespace {

// Runs a runner that is killed. It prints the id of a process that must end.
void ends_with_its_runner(void (*start)(int say)) {
    int channel[2];
    REQUIRE(pipe2(channel, O_CLOEXEC) == 0);
    pid_t const starter = fork();
    if (starter == 0) {
        start(channel[1]);
        pause();
        _exit(1);
    }
    close(channel[1]);
    int pid = 0;
    REQUIRE(read(channel[0], &pid, sizeof pid) == sizeof pid);
    close(channel[0]);
    repro::unique_fd const process = handle_of_process(pid);
    REQUIRE(process);
    kill(starter, SIGKILL);
    REQUIRE(waitpid(starter, nullptr, 0) == starter);
    CHECK(readable_in_time(process.get()));
}

void tell(int say, int pid) { [[maybe_unused]] auto const told = write(say, &pid, sizeof pid); }

} // namespace

TEST_CASE("the guardian kills every process with the mark when this process is killed") {
    ends_with_its_runner([](int say) {
        static guardian g;
        // A daemon in a session of its own that was never registered.
        static child_process child(launch{.path = "/bin/sh",
            .arguments = {"-c", "setsid tail -f /dev/null & echo $!"},
            .environment = {g.mark()},
            .speaks = true});
        char text[32] = {};
        if (readable_in_time(child.notes()) && read(child.notes(), text, sizeof text - 1) > 0)
            tell(say, std::atoi(text));
    });
}

TEST_CASE("the guardian kills every process that was seen, even without the mark, when this process is killed") {
    ends_with_its_runner([](int say) {
        static child_story story;
        story.start({.path = HOSTILE_SERVER, .arguments = {"hides", "0"}});
        auto const hidden = [](process_tree::member const* m) {
            return m->id.number != 1 && !has_environment(m->pid, story.mark()) &&
                find_process(m->pid)->parent == getpid();
        };
        for (;;) {
            auto const all = story.tree().living();
            if (auto const it = std::ranges::find_if(all, hidden); it != all.end()) return tell(say, (*it)->pid);
            story.wait(traces::monotonic_now() + traces::millisecond);
        }
    });
}
