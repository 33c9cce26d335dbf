#include "repro/live/live.hpp"
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include "repro/input/errors.hpp"
#include "repro/live/curl_clients.hpp"
#include "repro/live/pipelining_clients.hpp"
#include "repro/schedule/odometer.hpp"
#include "repro/watch/listening.hpp"
#include "repro/watch/process_table.hpp"
#include "server_under_test/worlds/control.hpp"
#include "traces/clock.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/join.hpp"

namespace shutdown_repro::repro {

using server::server_kind;

using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr std::uint64_t spare_descriptors = 64;         // descriptors that are not connections
constexpr nanoseconds last_words = 2'000 * millisecond; // time for the clients to see the end of an exited process

// In the reactor's process server and clients share one loop. It needs no clients of this process, and ends by itself
// or at its cap.
bool is_reactor(scenario const& s) { return s.kind() == server_kind::reactor; }

void need_descriptors(scenario const& s) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    std::uint64_t const most = limit.rlim_cur, free = most - std::min(most, spare_descriptors);
    std::uint64_t const each = is_reactor(s) ? 2 : 1; // both ends of a connection are in its process
    std::uint64_t const connections = connections_of(s);
    if (connections * each <= free) return;
    std::uint64_t requests = is_reactor(s) ? free / each : free * std::max(1u, s.per_connection);
    if (requests >= 1000) requests -= requests % 100;
    throw input_error("cannot hold " + std::to_string(connections) + " connections: the descriptor limit is " +
        std::to_string(most) + " (ulimit -n, hard limit " + std::to_string(limit.rlim_max) + "); use " +
        (is_reactor(s) ? "--set connections=" : "--requests ") + std::to_string(requests));
}

std::string config_of(scenario const& s) {
    auto config = is_reactor(s) ? server::to_json(s.reactor()) : server::to_json(s.scoped());
    config["server"] = server::word_of(s.kind());
    if (!is_reactor(s)) config["connections"] = connections_of(s);
    return config.dump();
}

nanoseconds longest_delay(scenario const& s) {
    constexpr std::int64_t default_most = 200; // upper bound of the default delays of acts, without the request number
    std::int64_t longest = default_most + requests_of(s);
    for (server::handler_config const& h : s.scoped().handlers) longest = std::max(longest, h.delay_ms.value_or(0));
    return longest * millisecond;
}

// Counted from the moment when the server listens.
nanoseconds time_to_end(scenario const& s, live_options const& options) {
    if (is_reactor(s)) return s.reactor().cap_ms * millisecond;
    return longest_delay(s) + (s.scoped().grace_ms + options.patience_ms) * millisecond;
}

// --- one execution ---------------------------------------------------------------------------------------------------

class execution final : private poller::watcher {
public:
    execution(scenario const& s, live_options const& options)
        : plan_(s),
          options_(options),
          server_path_(find_server(options.server_path)) {}
    traces::trace run();

private:
    void on_ready(int fd, std::uint32_t events) override;
    void live();
    void wait(nanoseconds until);
    void start_server();
    void wait_for_port();
    void start_clients();
    void wait_for_end();
    void look_for_port();
    traces::trace joined();
    [[noreturn]] void did_not_start(std::string const& why);

    scenario const& plan_;
    live_options const& options_;
    std::string const server_path_;
    child_story story_;
    std::unique_ptr<live_clients> clients_;
    std::string port_text_;
    bool notes_open_ = true, killed_ = false;
    std::uint16_t port_ = 0;
    std::optional<std::uint64_t> port_inode_;
};

traces::trace execution::run() {
    return story_.tell([this] { live(); }, [this] { return joined(); }, options_.partial_path);
}

void execution::live() {
    start_server();
    wait_for_port();
    if (port_ && !is_reactor(plan_)) start_clients();
    wait_for_end();
    story_.look_for_orphans();
    look_for_port();
}

void execution::start_server() {
    std::string const config = story_.file("config.json");
    if (!(std::ofstream(config) << config_of(plan_)).flush()) throw input_error("cannot write " + config);
    story_.start({.path = server_path_,
        .arguments = {"--config", "@" + config, "--trace", story_.file("server.jsonl"), "--ready-fd",
            std::to_string(child_process::note_fd)}});
    story_.events().watch(story_.child().notes(), EPOLLIN, *this);
}

void execution::on_ready(int fd, std::uint32_t) {
    char part[32];
    ssize_t const got = read(fd, part, sizeof part);
    if (got > 0) return void(port_text_.append(part, static_cast<std::size_t>(got)));
    notes_open_ = false;
    story_.events().forget(fd);
}

void execution::wait(nanoseconds until) {
    nanoseconds const due = clients_ ? clients_->next_due() : until;
    story_.wait(std::min(until, due));
    if (clients_ && clients_->next_due() <= traces::monotonic_now()) clients_->on_time();
    if (clients_ && !clients_->failure().empty()) throw input_error(clients_->failure());
}

// The server writes its port once it listens. A server that exits before that may have been stopped early, which is a
// valid execution.
void execution::wait_for_port() {
    nanoseconds const patience = traces::monotonic_now() + options_.patience_ms * millisecond;
    while (!port_text_.ends_with('\n') && (story_.runs() || notes_open_ || story_.speaks())) {
        wait(patience);
        if (traces::monotonic_now() >= patience)
            did_not_start("no port after " + std::to_string(options_.patience_ms) + " ms");
    }
    if (port_text_.ends_with('\n')) {
        port_ = static_cast<std::uint16_t>(std::atoi(port_text_.c_str()));
        port_inode_ = listening_inode(port_);
    } else if (story_.end()->status != 0 && !story_.end()->signal) {
        did_not_start(story_.how_it_ended());
    }
}

void execution::did_not_start(std::string const& why) {
    std::string said = story_.last_words();
    while (!said.empty() && said.back() == '\n') said.pop_back();
    throw input_error("the server did not start: " + (said.empty() ? why : said), inconclusive);
}

void execution::start_clients() {
    client_surroundings const on{plan_, port_, story_.recorder(), story_.clock(), story_.events()};
    if (plan_.pipelined) clients_ = std::make_unique<pipelining_clients>(on);
    else clients_ = std::make_unique<curl_clients>(on);
}

void execution::wait_for_end() {
    nanoseconds const begun = traces::monotonic_now();
    nanoseconds const deadline = begun + time_to_end(plan_, options_);
    while (story_.runs() && traces::monotonic_now() < deadline) wait(deadline);
    killed_ = story_.runs();
    if (killed_)
        story_.kill_all("killed after " + std::to_string((traces::monotonic_now() - begun) / millisecond) + " ms");
    nanoseconds const last = traces::monotonic_now() + last_words;
    while (clients_ && !clients_->over() && traces::monotonic_now() < last) wait(last);
    story_.hear_last_words(last);
    if (clients_) clients_->give_up();
}

void execution::look_for_port() {
    if (!port_) return;
    auto const listening = [&] {
        auto const now = listening_inode(port_);
        return now && now == port_inode_;
    };
    nanoseconds const deadline = traces::monotonic_now() + last_words;
    while (killed_ && listening() && traces::monotonic_now() < deadline)
        story_.wait(traces::monotonic_now() + millisecond);
    if (killed_ && listening()) return; // the kernel closes it, which is not the server's doing
    story_.record(kind::process_port, {{"port", static_cast<std::uint32_t>(port_)}, {"listening", listening()}});
}

// Joins what is known so far into one trace.
traces::trace execution::joined() {
    traces::trace of_server;
    try {
        of_server = traces::read_file(story_.file("server.jsonl"));
    } catch (traces::trace_error const& e) {
        of_server.problems.push_back("the server left no trace: " + std::string(e.what()));
    }
    if (!story_.end() || story_.end()->signal) std::erase(of_server.problems, traces::cut_short);
    traces::trace all = join(of_server, story_.seen());
    all.head.scenario = to_json_text(plan_);
    all.head.observes = observed_in(plan_);
    all.head.schedule = schedule_of(all);
    story_.conclude(all);
    return all;
}

} // namespace

std::string why_not_live(scenario const& s) {
    if (s.kind() == server_kind::scopes)
        return "a scenario of scopes only has no server process; use the simulated world";
    bool const open = is_reactor(s)
        ? s.reactor().when == server::stop_moment::any
        : server::lists(s.scoped().stop_at, "any") || server::lists(s.scoped().free_at, "any");
    return open
        ? "the moment \"any\" is a decision, which only the simulated world takes; use that, or name a stop point"
        : "";
}

traces::trace run_live(scenario const& s, live_options const& options) {
    if (std::string const why = why_not_live(s); !why.empty())
        throw input_error(s.name + ": " + why + " (--world sim)");
    need_proc();
    need_descriptors(s);
    return execution(s, options).run();
}

std::string find_server(std::string const& wanted) {
    auto const runs = [](std::string const& path) {
        return access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path);
    };
    std::string const remedy = "; build it: cmake --build build/release --target server-under-test";
    if (!wanted.empty()) {
        if (runs(wanted)) return wanted;
        throw input_error("no executable server-under-test at " + wanted + remedy);
    }
    std::error_code none; // without /proc only `wanted` is found
    std::filesystem::path const here = std::filesystem::read_symlink("/proc/self/exe", none).parent_path();
    std::string const installed = (here.parent_path() / "libexec/shutdown-repro/server-under-test").string();
    std::string const beside = (here / "server-under-test").string();
    for (std::string const& path : {installed, beside})
        if (runs(path)) return path;
    throw input_error("cannot find server-under-test: looked at " + installed + " and " + beside + remedy);
}

} // namespace shutdown_repro::repro
