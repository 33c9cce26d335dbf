// The reactor server in the live world: one process for server and clients, on real sockets.
#include <csignal>
#include <set>
#include <sys/wait.h>
#include "repro/input/errors.hpp"
#include "repro/live/live.hpp"
#include "repro/sim/execute.hpp"
#include "server_under_test/worlds/words.hpp"
#include "tests/catch.hpp"
#include "tests/repro/live/live_tools.hpp"
#include "tests/repro/live/live_traces.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/rules/rule.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;
using traces::event;
using traces::kind;

namespace {

// The program of the report. Without a given order, decisions are random.
scenario reported() {
    scenario s;
    s.name = "reported";
    s.server = server::reactor_config{};
    return s;
}

scenario never_stopped(std::int64_t cap_ms) {
    scenario s = reported();
    s.reactor().when = server::stop_moment::signal;
    s.reactor().signal_at = "never";
    s.reactor().timer = server::user_timer::recurring;
    s.reactor().cap_ms = cap_ms;
    return s;
}

struct reactor_process {
    explicit reactor_process(scenario const& s)
        : trace((folder.path / "trace.jsonl").string()),
          process(SERVER_UNDER_TEST, {"--config", to_json_text(s), "--trace", trace}) {}
    process_end end() {
        if (!readable_in_time(process.pidfd())) process.kill(SIGKILL);
        return process.reap().value_or(process_end{});
    }
    bool until(std::string const& said) {
        return wait_for_change(folder.path, [&] { return contents(trace).find(said) != std::string::npos; });
    }
    test_folder folder;
    std::string trace;
    child_process process;
};

} // namespace

TEST_CASE("the reported program runs live as one process, and its trace is complete") {
    traces::trace const t = run_live(reported(), with_server());
    CHECK(t.problems.empty());
    REQUIRE(t.foot);
    CHECK(t.foot->exit_status == 0);
    CHECK(t.foot->events == t.events.size());
    CHECK(t.head.world == "live");
    CHECK(count(t, kind::client_done) == 1);
    CHECK(first(t, kind::process_port).integer("listening") == 0);
    CHECK(first(t, kind::process_port).integer("port") == first(t, kind::server_listen).integer("port"));
    for (std::size_t i = 1; i < t.events.size(); ++i) CHECK(t.events[i].t >= t.events[i - 1].t);
}

TEST_CASE(
    "the header has the random decisions of a live execution, and the simulated world follows them to the same end") {
    simulator sim;
    std::set<std::size_t> ends;
    for (int i = 0; i < 40 && (i < 4 || ends.size() < 2); ++i) {
        traces::trace const live = run_live(reported(), with_server());
        REQUIRE(live.head.schedule != "");
        follow same{parse_schedule(live.head.schedule)};
        traces::trace t;
        sim.run(reported(), same, t);
        INFO(live.head.schedule);
        CHECK(same.diverged() == "");
        CHECK(count(t, kind::request_finish) == count(live, kind::request_finish));
        CHECK(count(t, kind::loop_error) == count(live, kind::loop_error));
        ends.insert(count(live, kind::request_finish));
    }
    CHECK(ends == std::set<std::size_t>{0, 1}); // "sometimes"
}

TEST_CASE("with a given order nothing is random, and there is no schedule") {
    scenario s = reported();
    s.reactor().order = server::serve_order::client_first;
    traces::trace const t = run_live(s, with_server());
    CHECK(t.head.schedule == "");
    CHECK(count(t, kind::decision) == 0);
}

TEST_CASE("a stop by signal uses a real signal, which ends the poll that waits for the idle connection") {
    scenario s = load_scenario("quit-idle-connection");
    for (auto const& [key, value] : {std::pair{"timer_after", "50"}, {"keep_alive", "150"}}) set_field(s, key, value);
    traces::trace const t = run_live(s, with_server());
    CHECK(t.problems.empty());
    CHECK(first(t, kind::process_signal).text("signal") == "SIGQUIT");
    CHECK(first(t, kind::loop_stopping).text("cause") == "timeout");
    CHECK(count(t, kind::request_finish) == 1);
}

TEST_CASE("a signal from outside stops the reactor, too, and SIGTERM does so at once") {
    scenario s = never_stopped(60'000);
    s.reactor().keep_alive_ms = s.reactor().client_inactivity_ms = 60'000;
    for (int const signal : {SIGTERM, SIGINT}) {
        reactor_process server(s);
        REQUIRE(server.until("\"request.finish\""));
        server.process.kill(signal);
        CHECK(server.end().status == 0);
        traces::trace const t = traces::read_file(server.trace);
        CHECK(t.problems.empty());
        CHECK(first(t, kind::process_signal).text("signal") == signal_name(signal));
        CHECK(first(t, kind::loop_stopping).text("why") == "explicit");
    }
}

TEST_CASE("a reactor that does not end by itself is killed at its cap, and is never clean") {
    traces::trace const t = run_live(never_stopped(400), with_server());
    CHECK(first(t, kind::process_exit).text("signal") == "SIGKILL");
    REQUIRE(t.foot);
    CHECK(t.foot->signal == "SIGKILL");
    CHECK_THAT(t.foot->note, ContainsSubstring("killed after "));
    CHECK(t.problems.size() == 1);
    simulator sim;
    traces::trace simulated;
    follow in_order{schedule{}};
    sim.run(never_stopped(400), in_order, simulated);
    CHECK(broken_rules(simulated) == broken_rules(t));
    CHECK(simulated.problems.size() == 1);
}

TEST_CASE("an execution of the reactor leaves no process, no descriptor and no file") {
    test_folder temporary;
    char const* const before_tmp = getenv("TMPDIR");
    std::string const restored = before_tmp ? before_tmp : "";
    setenv("TMPDIR", temporary.path.c_str(), 1);
    std::size_t const before = open_descriptors();
    run_live(reported(), with_server());
    restored.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", restored.c_str(), 1);
    CHECK(open_descriptors() == before);
    CHECK(std::filesystem::is_empty(temporary.path));
    CHECK(waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("an interrupted runner ends the reactor and keeps the partial trace") {
    test_folder temporary, kept;
    live_options options = with_server();
    options.partial_path = (kept.path / "partial.jsonl").string();
    pid_t const runner = fork();
    if (runner == 0) {
        setenv("TMPDIR", temporary.path.c_str(), 1);
        try {
            run_live(never_stopped(60'000), options);
            _exit(0);
        } catch (interruption const& i) {
            _exit(i.signal == SIGINT && i.kept == options.partial_path ? 42 : 43);
        } catch (...) { _exit(44); }
    }
    REQUIRE(wait_for_change(temporary.path, [&] { return !std::filesystem::is_empty(temporary.path); }));
    std::filesystem::path const its_own = std::filesystem::directory_iterator(temporary.path)->path();
    REQUIRE(wait_for_change(
        its_own, [&] { return contents(its_own / "server.jsonl").find("\"request.finish\"") != std::string::npos; }));
    auto const servers = servers_of(runner);
    REQUIRE(servers.size() == 1);
    repro::unique_fd const server = handle_of_process(servers[0]);
    kill(runner, SIGINT);
    int status = 0;
    REQUIRE(waitpid(runner, &status, 0) == runner);
    CHECK(WEXITSTATUS(status) == 42);
    CHECK(readable_in_time(server.get()));
    traces::trace const t = traces::read_file(options.partial_path);
    REQUIRE(t.foot);
    CHECK(t.foot->note == "interrupted by SIGINT");
    CHECK(count(t, kind::request_finish) == 1);
}

TEST_CASE("a reactor that is killed while serving loses at most a torn last line of its trace") {
    scenario s = never_stopped(60'000);
    s.reactor().connections = 20;
    s.reactor().handler = server::reply::stream4;
    for (std::size_t const kill_at : {0, 3'000, 9'000, 20'000, 40'000}) {
        reactor_process server(s);
        REQUIRE(wait_for_change(server.folder.path, [&] {
            std::error_code none_yet;
            auto const size = std::filesystem::file_size(server.trace, none_yet);
            return !none_yet && size >= kill_at;
        }));
        server.process.kill(SIGKILL);
        CHECK(server.end().signal == SIGKILL);
        std::string const text = contents(server.trace);
        if (text.empty()) continue; // before its header
        traces::trace const t = traces::read_file(server.trace);
        CHECK_FALSE(t.foot);
        REQUIRE_FALSE(t.problems.empty());
        CHECK(t.problems.size() <= 2);
        for (std::size_t i = 0; i < t.events.size(); ++i) CHECK(t.events[i].seq == i);
    }
}

TEST_CASE("the error for an unknown server names it") {
    test_folder folder;
    child_process p(
        SERVER_UNDER_TEST, {"--config", R"({"server":"scopes"})", "--trace", (folder.path / "t.jsonl").string()});
    std::string said;
    for (char part[128]; !said.ends_with('\n');) {
        REQUIRE(readable_in_time(p.errors()));
        auto const got = read(p.errors(), part, sizeof part);
        REQUIRE(got > 0);
        said.append(part, static_cast<std::size_t>(got));
    }
    CHECK(said == "\"server\" must be \"scoped\" or \"reactor\": scopes alone have no process\n");
    REQUIRE(readable_in_time(p.pidfd()));
    CHECK(p.reap()->status == 2);
}
