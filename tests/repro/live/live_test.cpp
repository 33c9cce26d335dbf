// Tests the whole live world: the real server in its own process, real clients, and one joined trace.
#include <csignal>
#include <set>
#include <sys/resource.h>
#include <sys/wait.h>
#include "repro/input/errors.hpp"
#include "repro/live/live.hpp"
#include "repro/sim/execute.hpp"
#include "server_under_test/worlds/tcp_world.hpp"
#include "tests/catch.hpp"
#include "tests/repro/live/live_tools.hpp"
#include "tests/repro/live/live_traces.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/rules/rule.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using traces::kind;

namespace {

scenario built_in(std::string const& name, server::policy policy = server::policy::as_reported) {
    scenario s = load_scenario(name);
    s.scoped().shutdown = policy;
    return s;
}

// Handlers that never end, and a server that is never stopped.
scenario hung() {
    scenario s = built_in("scope-disposal");
    s.scoped().handlers = {{.does = server::act::forever}};
    s.scoped().stop_at = s.scoped().free_at = "never";
    s.scoped().grace_ms = 0;
    return s;
}

void check_order(traces::trace const& t) {
    for (std::size_t i = 0; i < t.events.size(); ++i) {
        traces::event const& e = t.events[i];
        CHECK(e.seq == i);
        if (i) CHECK(e.t >= t.events[i - 1].t);
        for (traces::seq_t cause : e.because) CHECK(cause < e.seq);
    }
}

bool contains(std::vector<std::string> const& all, std::string const& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

// A runner in a process of its own, with its temporary files in a folder of its own.
struct forked_runner {
    forked_runner(scenario const& s, live_options const& options, std::filesystem::path const& temporary)
        : pid(fork()) {
        if (pid != 0) return;
        setenv("TMPDIR", temporary.c_str(), 1);
        try {
            run_live(s, options);
            _exit(0);
        } catch (interruption const& i) {
            _exit(i.signal == SIGINT && i.kept == options.partial_path ? 42 : 43);
        } catch (...) { _exit(44); }
    }
    ~forked_runner() {
        if (pid <= 0) return;
        kill(pid, SIGKILL);
        waitpid(pid, nullptr, 0);
    }
    int exit_status() {
        int status = -1;
        REQUIRE(waitpid(std::exchange(pid, -1), &status, 0) > 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    pid_t pid;
};

// Waits until the server of the runner with this temporary folder handles a request.
bool wait_until_it_serves(std::filesystem::path const& temporary) {
    if (!wait_for_change(temporary, [&] { return !std::filesystem::is_empty(temporary); })) return false;
    std::filesystem::path const its_own = std::filesystem::directory_iterator(temporary)->path();
    return wait_for_change(its_own, [&] {
        return contents(its_own / "server.jsonl").find("\"coroutine.suspend\",\"id\":\"coroutine:3\"") !=
            std::string::npos;
    });
}

struct environment_variable {
    environment_variable(char const* name, std::string const& value) : name_(name) {
        if (char const* const now = getenv(name)) before_ = now;
        setenv(name, value.c_str(), 1);
    }
    ~environment_variable() { before_.empty() ? unsetenv(name_) : setenv(name_, before_.c_str(), 1); }
    char const* name_;
    std::string before_;
};

} // namespace

TEST_CASE("scope-disposal dies of SIGABRT, and its trace is complete nevertheless") {
    traces::trace const t = run_live(built_in("scope-disposal"), with_server());
    check_order(t);
    CHECK(t.problems.empty());
    REQUIRE(t.foot);
    CHECK(t.foot->signal == "SIGABRT");
    CHECK_FALSE(t.foot->exit_status);
    CHECK(t.foot->events == t.events.size());
    CHECK(t.head.world == "live");
    CHECK(scenario_from_text(t.head.scenario, "header").name == "scope-disposal");

    CHECK(first(t, kind::assertion).text("message") == "Scope should be empty before disposal");
    CHECK_THAT(std::string(first(t, kind::process_stderr).text("text")),
        ContainsSubstring("Scope should be empty before disposal"));
    CHECK(first(t, kind::process_exit).text("signal") == "SIGABRT");
    CHECK(first(t, kind::process_port).integer("listening") == 0);
    CHECK(first(t, kind::process_port).integer("port") == first(t, kind::server_listen).integer("port"));
    CHECK(count(t, kind::client_done) == 1);
    CHECK(count(t, kind::client_fail) == 1);
    for (char const* rule : {"scope-disposed-nonempty", "assertion-failed", "crash-on-stop"})
        CHECK(contains(broken_rules(t), rule));

    test_folder folder;
    std::string const file = (folder.path / "t.jsonl").string();
    traces::write_file(file, t);
    traces::trace const again = traces::read_file(file);
    CHECK(again.problems.empty());
    CHECK(again.events.size() == t.events.size());
    CHECK(broken_rules(again) == broken_rules(t));
}

TEST_CASE("under drained the same scenario answers all requests, exits with status 0 and violates no rule") {
    traces::trace const t = run_live(built_in("scope-disposal", server::policy::drained), with_server());
    check_order(t);
    CHECK(t.problems.empty());
    REQUIRE(t.foot);
    CHECK(t.foot->exit_status == 0);
    CHECK(count(t, kind::client_done) == 2);
    CHECK(count(t, kind::server_free) == 1);
    CHECK(broken_rules(t).empty());
}

TEST_CASE("an execution leaves no process, no descriptor, no file and no blocked signal") {
    test_folder temporary;
    environment_variable const in("TMPDIR", temporary.path.string());
    run_live(built_in("scope-disposal"), with_server()); // libcurl keeps what it opens once
    std::size_t const before = open_descriptors();
    run_live(built_in("scope-disposal"), with_server());
    CHECK(open_descriptors() == before);
    CHECK(std::filesystem::is_empty(temporary.path));
    CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    CHECK_FALSE(sigismember(&blocked, SIGINT));
    CHECK_FALSE(sigismember(&blocked, SIGTERM));
}

TEST_CASE(
    "requests one after the other, and pipelined, on shared connections are all answered by a server that drains") {
    scenario s = built_in("scope-disposal", server::policy::drained);
    s.scoped().handlers = {{.does = server::act::done, .delay_ms = 0}};
    s.scoped().requests = 12;
    s.scoped().together = false;
    s.scoped().stop_at = "request.finish#12";
    s.per_connection = 4;
    s.pipelined = GENERATE(false, true);
    traces::trace const t = run_live(s, with_server());
    check_order(t);
    CHECK(t.problems.empty());
    CHECK(count(t, kind::client_connect) == 3);
    CHECK(count(t, kind::connection_open) == 3);
    CHECK(count(t, kind::client_done) == 12);
    for (traces::event const& e : t.events) // the server's facts and the clients' are tied by the request
        if (e.what == kind::request_begin || e.what == kind::client_receive) CHECK_FALSE(e.because.empty());
}

TEST_CASE("a server that is stopped before a client could connect is a valid execution") {
    scenario s = built_in("scope-disposal");
    s.scoped().stop_at = "server.listen#1";
    traces::trace const t = run_live(s, with_server());
    CHECK(t.problems.empty());
    CHECK(count(t, kind::client_connect) == 2);
    CHECK(count(t, kind::client_done) == 0);
    CHECK(count(t, kind::act_stop) == 1);
}

TEST_CASE("several stops of one live server break the rules that they break in the simulated world, and no others") {
    scenario s = built_in("scope-disposal", GENERATE(server::policy::as_reported, server::policy::drained));
    // None of these moments depends on the speed of a client.
    s.scoped().stop_at = GENERATE("handler,handler", "handler,coroutine.finish#1");
    INFO(s.scoped().stop_at);
    traces::trace const live = run_live(s, with_server());
    traces::trace simulated;
    follow in_order{schedule{}};
    simulator().run(s, in_order, simulated);
    CHECK(count(live, kind::act_stop) == count(simulated, kind::act_stop));
    auto const rules = [](traces::trace const& t) {
        auto const ids = broken_rules(t);
        return std::set<std::string>(ids.begin(), ids.end());
    };
    CHECK(rules(live) == rules(simulated));
}

TEST_CASE("a server that never exits is killed after a timeout, and never counts as clean") {
    live_options impatient = with_server();
    impatient.patience_ms = 2'000; // time in which it must start
    traces::trace const t = run_live(hung(), impatient);
    CHECK(first(t, kind::process_signal).text("signal") == "SIGKILL");
    CHECK(first(t, kind::process_exit).text("signal") == "SIGKILL");
    REQUIRE(t.foot);
    CHECK(t.foot->signal == "SIGKILL");
    CHECK_THAT(t.foot->note, ContainsSubstring("killed after "));
    CHECK(t.problems.size() == 1);
    CHECK(count(t, kind::client_fail) == 2);
}

TEST_CASE("stderr of the server is recorded line by line, including an unterminated last line") {
    test_folder folder;
    std::string const server = folder.script("printf 'one\\n\\ntwo' >&2; exec " SERVER_UNDER_TEST " \"$@\"");
    traces::trace const t = run_live(built_in("scope-disposal", server::policy::drained), with_server(server));
    std::vector<std::string> said;
    for (traces::event const& e : t.events)
        if (e.what == kind::process_stderr) said.emplace_back(e.text("text"));
    CHECK(said == std::vector<std::string>{"one", "two"});
}

TEST_CASE("the error for a port in use names the port, as for a server that did not start") {
    traces::trace nowhere;
    traces::nanoseconds clock = 0;
    traces::recorder record(nowhere, clock);
    server::tcp_world world(record, clock);
    std::string error;
    auto const taken = world.listen(0, error);
    REQUIRE(taken);
    scenario s = built_in("scope-disposal");
    s.scoped().port = taken->port();
    try {
        run_live(s, with_server());
        FAIL("it started");
    } catch (input_error const& e) {
        CHECK(e.what() == "the server did not start: port " + std::to_string(taken->port()) + " is in use (127.0.0.1)");
        CHECK(e.exit_status == inconclusive);
    }
    CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("a server that exits or stays silent instead of starting is reported with its output") {
    test_folder folder;
    live_options o = with_server(folder.script("exit 3"));
    CHECK_THROWS_WITH(run_live(built_in("scope-disposal"), o), "the server did not start: it exited with status 3");
    folder.script("echo no such policy >&2; exit 2");
    CHECK_THROWS_WITH(run_live(built_in("scope-disposal"), o), "the server did not start: no such policy");
    folder.script("exec tail -f /dev/null");
    o.patience_ms = 300;
    CHECK_THROWS_WITH(run_live(built_in("scope-disposal"), o), "the server did not start: no port after 300 ms");
    CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("the error for a missing server executable says where it was searched and how to build it") {
    CHECK_THROWS_WITH(run_live(built_in("scope-disposal"), with_server("/no/such/server")),
        ContainsSubstring("/no/such/server") && ContainsSubstring("cmake --build"));
    test_folder folder;
    std::filesystem::create_directories(folder.path / "bin");
    CHECK_THROWS_WITH(
        find_server(folder.path.string()), ContainsSubstring(folder.path.string())); // a folder is no program
    CHECK(find_server(SERVER_UNDER_TEST) == SERVER_UNDER_TEST);
}

TEST_CASE("a scenario of scopes only has no server process") {
    scenario s = built_in("scope-disposal");
    s.server = server::cell{};
    CHECK_THROWS_WITH(run_live(s, with_server()), ContainsSubstring("--world sim"));
}

TEST_CASE("too many connections are refused before anything starts, with the possible number") {
    int channel[2];
    REQUIRE(pipe2(channel, O_CLOEXEC) == 0);
    pid_t const poor = fork();
    if (poor == 0) {
        rlimit const few{200, 200};
        setrlimit(RLIMIT_NOFILE, &few);
        scenario s = built_in("scope-disposal");
        s.scoped().requests = 300;
        std::string said = "it started";
        try {
            run_live(s, with_server());
        } catch (input_error const& e) { said = e.what(); }
        [[maybe_unused]] auto const told = write(channel[1], said.data(), said.size());
        _exit(0);
    }
    close(channel[1]);
    char text[512];
    ssize_t const got = read(channel[0], text, sizeof text);
    close(channel[0]);
    waitpid(poor, nullptr, 0);
    REQUIRE(got > 0);
    CHECK(std::string(text, static_cast<std::size_t>(got)) ==
        "cannot hold 300 connections: the descriptor limit is 200 (ulimit -n, hard limit 200); use --requests 136");
}

TEST_CASE("an interrupted runner ends the server, keeps the partial trace, and leaves nothing else") {
    test_folder temporary, kept;
    live_options options = with_server();
    options.partial_path = (kept.path / "partial.jsonl").string();
    forked_runner runner(hung(), options, temporary.path);
    REQUIRE(wait_until_it_serves(temporary.path));
    auto const servers = servers_of(runner.pid);
    REQUIRE(servers.size() == 1);
    repro::unique_fd const server = handle_of_process(servers[0]);
    REQUIRE(server);

    kill(runner.pid, SIGINT);
    CHECK(runner.exit_status() == 42);
    CHECK(readable_in_time(server.get()));
    CHECK_FALSE(std::filesystem::exists("/proc/" + std::to_string(servers[0])));
    CHECK(std::filesystem::is_empty(temporary.path));

    traces::trace const t = traces::read_file(options.partial_path);
    REQUIRE(t.foot);
    CHECK(t.foot->note == "interrupted by SIGINT");
    check_order(t);
    CHECK(count(t, kind::client_send) >= 1);
    CHECK(count(t, kind::request_begin) >= 1);
    CHECK(first(t, kind::process_signal).text("signal") == "SIGKILL");
}

TEST_CASE("the server does not outlive a runner that is killed") {
    test_folder temporary;
    forked_runner runner(hung(), with_server(), temporary.path);
    REQUIRE(wait_until_it_serves(temporary.path));
    auto const servers = servers_of(runner.pid);
    REQUIRE(servers.size() == 1);
    repro::unique_fd const server = handle_of_process(servers[0]);
    REQUIRE(server);
    kill(runner.pid, SIGKILL);
    CHECK(runner.exit_status() == -SIGKILL);
    CHECK(readable_in_time(server.get()));
}

TEST_CASE("a server that crashes below a wrapper is a crash, although the wrapper reaps it and exits with 0") {
    test_folder folder;
    std::string const wrapper = folder.script(SERVER_UNDER_TEST " \"$@\"\nexit 0");
    traces::trace const t = run_live(built_in("scope-disposal"), with_server(wrapper));
    REQUIRE(t.foot);
    if (t.foot->note.find("is not known") != std::string::npos) return; // this kernel tells it to nobody else
    CHECK(t.foot->exit_status == 0);
    CHECK(contains(broken_rules(t), "crash-on-stop"));
    CHECK(std::any_of(t.events.begin(), t.events.end(), [](traces::event const& e) {
        return e.what == kind::process_exit && e.id.number > 1 && e.text("signal") == "SIGABRT";
    }));
}
