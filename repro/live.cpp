#include "repro/live.hpp"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>
#include "repro/child_process.hpp"
#include "repro/curl_clients.hpp"
#include "repro/decision.hpp"
#include "repro/errors.hpp"
#include "repro/join.hpp"
#include "repro/listening.hpp"
#include "repro/pipelining_clients.hpp"
#include "repro/poller.hpp"
#include "repro/private_folder.hpp"
#include "repro/signals_as_events.hpp"
#include "server_under_test/tcp_world.hpp"
#include "traces/jsonl.hpp"

namespace shutdown_repro::repro {

using server::millisecond;
using traces::entity;
using traces::kind;
using traces::nanoseconds;

namespace {

constexpr std::uint64_t spare_descriptors = 64;   // everything that is no connection
constexpr nanoseconds last_words = 2'000 * millisecond; // for the clients to see the end of a process that is gone
constexpr std::size_t most_stderr = 1 << 20;      // bytes that are recorded
constexpr std::size_t most_text = 4096;           // bytes of one process.stderr

// Server and clients share one process and one loop: it has no clients of ours, and ends by itself or at its cap.
bool is_reactor(scenario const& s) { return s.server == "reactor"; }

void need_descriptors(scenario const& s) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    std::uint64_t const most = limit.rlim_cur, free = most - std::min(most, spare_descriptors);
    std::uint64_t const each = is_reactor(s) ? 2 : 1; // both ends are in its process
    std::uint64_t const connections = is_reactor(s) ? s.reactor.connections : connections_of(s);
    if (connections * each <= free) return;
    std::uint64_t requests = is_reactor(s) ? free / each : free * std::max(1u, s.per_connection);
    if (requests >= 1000) requests -= requests % 100;
    throw input_error("cannot hold " + std::to_string(connections) + " connections: the descriptor limit is " + std::to_string(most) +
                      " (ulimit -n, hard limit " + std::to_string(limit.rlim_max) + "); use " +
                      (is_reactor(s) ? "--set connections=" : "--requests ") + std::to_string(requests));
}

std::string config_of(scenario const& s) {
    auto config = is_reactor(s) ? server::to_json(s.reactor) : server::to_json(s.config);
    config["server"] = s.server;
    return config.dump();
}

nanoseconds longest_delay(scenario const& s) {
    constexpr std::int64_t default_most = 200; // the acts' own delays, but for the request's number
    std::int64_t longest = default_most + s.config.requests;
    for (server::handler_config const& h : s.config.handlers) longest = std::max(longest, h.delay_ms.value_or(0));
    return longest * millisecond;
}

// From the moment in which it listens.
nanoseconds time_to_end(scenario const& s, live_options const& options) {
    if (is_reactor(s)) return s.reactor.cap_ms * millisecond;
    return longest_delay(s) + (s.config.grace_ms + options.patience_ms) * millisecond;
}

// What the execution decided, as far as it was left free: the simulated world can follow it.
std::string schedule_of(traces::trace const& t) {
    schedule taken;
    for (traces::event const& e : t.events)
        if (e.what == kind::decision) taken.choices.push_back(static_cast<std::uint32_t>(e.integer("choice")));
    return taken.choices.empty() ? "" : to_string(taken);
}

// --- one execution -------------------------------------------------------------------------------------------------------

class execution final : private poller::watcher {
public:
    execution(scenario const& s, live_options const& options) : plan_(s), options_(options), server_path_(find_server(options.server_path)) {}
    traces::trace run();

private:
    void on_ready(int fd, std::uint32_t events) override;
    void wait(nanoseconds until);
    void start_server();
    void wait_for_port();
    void start_clients();
    void wait_for_end();
    void read_errors();
    void record_error_line(std::string_view);
    void look_for_port();
    traces::trace joined();
    [[noreturn]] void did_not_start(std::string const& why);
    [[noreturn]] void end_interrupted();

    void record(kind what, std::initializer_list<traces::field> detail = {}) {
        clock_ = server::monotonic_now();
        record_.emit(what, {entity::process, 1}, {}, detail);
    }

    scenario const& plan_;
    live_options const& options_;
    std::string const server_path_;
    signals_as_events signals_; // first: a signal that comes late ends us after everything else is put away
    private_folder folder_;
    traces::trace seen_;
    nanoseconds clock_ = 0;
    traces::recorder record_{seen_, clock_};
    poller events_;
    std::optional<child_process> child_;
    std::unique_ptr<live_clients> clients_;
    std::optional<process_end> end_;
    int interrupted_by_ = 0;
    std::string port_text_, errors_line_, errors_said_;
    bool errors_open_ = true, notes_open_ = true;
    std::uint16_t port_ = 0;
    std::optional<std::uint64_t> port_inode_;
    std::string note_;
};

traces::trace execution::run() {
    start_server();
    wait_for_port();
    if (port_ && !is_reactor(plan_)) start_clients();
    wait_for_end();
    look_for_port();
    return joined();
}

void execution::start_server() {
    std::string const config = folder_.file("config.json");
    std::ofstream(config) << config_of(plan_);
    record(kind::process_start); // dated before anything that it does
    child_.emplace(server_path_, std::vector<std::string>{"--config", "@" + config, "--trace", folder_.file("server.jsonl"), "--ready-fd",
                                                          std::to_string(child_process::note_fd)});
    events_.watch(signals_.get(), EPOLLIN, *this);
    for (int fd : {child_->pidfd(), child_->errors(), child_->notes()}) events_.watch(fd, EPOLLIN, *this);
}

void execution::on_ready(int fd, std::uint32_t) {
    if (fd == signals_.get()) {
        if (int const signal = signals_.take()) interrupted_by_ = signal;
    } else if (fd == child_->errors()) {
        read_errors();
    } else if (fd == child_->notes()) {
        char part[32];
        ssize_t const got = read(fd, part, sizeof part);
        if (got > 0) return void(port_text_.append(part, static_cast<std::size_t>(got)));
        notes_open_ = false;
        events_.forget(fd);
    } else if (fd == child_->pidfd()) {
        end_ = child_->reap();
        if (!end_) return;
        events_.forget(fd);
        if (end_->status) record(kind::process_exit, {{"status", *end_->status}});
        else record(kind::process_exit, {{"signal", signal_name(end_->signal)}});
    }
}

void execution::wait(nanoseconds until) {
    nanoseconds const due = clients_ ? clients_->next_due() : until;
    events_.wait(std::min(until, due));
    if (clients_ && clients_->next_due() <= server::monotonic_now()) clients_->on_time();
    if (interrupted_by_) end_interrupted();
    if (clients_ && !clients_->failure().empty()) throw input_error(clients_->failure());
}

// The server says its port once it listens. One that ends before may have been stopped that early: that is an execution too.
void execution::wait_for_port() {
    nanoseconds const patience = server::monotonic_now() + options_.patience_ms * millisecond;
    while (!port_text_.ends_with('\n') && !(end_ && !notes_open_ && !errors_open_)) {
        wait(patience);
        if (server::monotonic_now() >= patience) did_not_start("no port after " + std::to_string(options_.patience_ms) + " ms");
    }
    if (port_text_.ends_with('\n')) {
        port_ = static_cast<std::uint16_t>(std::atoi(port_text_.c_str()));
        port_inode_ = listening_inode(port_);
    } else if (end_->status != 0 && !end_->signal) {
        did_not_start("it ended with status " + std::to_string(*end_->status));
    }
}

void execution::did_not_start(std::string const& why) {
    while (!errors_said_.empty() && errors_said_.back() == '\n') errors_said_.pop_back();
    throw input_error("the server did not start: " + (errors_said_.empty() ? why : errors_said_), inconclusive);
}

void execution::start_clients() {
    client_surroundings const on{plan_, port_, record_, clock_, events_};
    if (plan_.pipelined) clients_ = std::make_unique<pipelining_clients>(on);
    else clients_ = std::make_unique<curl_clients>(on);
}

void execution::wait_for_end() {
    nanoseconds const begun = server::monotonic_now();
    nanoseconds const deadline = begun + time_to_end(plan_, options_);
    while (!end_) {
        wait(note_.empty() ? deadline : std::numeric_limits<nanoseconds>::max());
        if (end_ || !note_.empty() || server::monotonic_now() < deadline) continue;
        note_ = "killed after " + std::to_string((server::monotonic_now() - begun) / millisecond) + " ms";
        record(kind::process_signal, {{"signal", "SIGKILL"}});
        child_->kill(SIGKILL);
    }
    nanoseconds const last = server::monotonic_now() + last_words;
    while ((errors_open_ || (clients_ && !clients_->over())) && server::monotonic_now() < last) wait(last);
    if (clients_) clients_->give_up();
    record_error_line(std::exchange(errors_line_, {}));
}

void execution::read_errors() {
    char part[4096];
    ssize_t const got = read(child_->errors(), part, sizeof part);
    if (got < 0) return;
    if (got == 0) {
        errors_open_ = false;
        return events_.forget(child_->errors());
    }
    std::string_view const text(part, std::min(static_cast<std::size_t>(got), most_stderr - errors_said_.size()));
    errors_said_ += text;
    errors_line_ += text;
    std::size_t begin = 0;
    for (std::size_t end; (end = errors_line_.find('\n', begin)) != errors_line_.npos; begin = end + 1)
        record_error_line(std::string_view(errors_line_).substr(begin, end - begin));
    errors_line_.erase(0, begin);
}

void execution::record_error_line(std::string_view line) {
    if (!line.empty()) record(kind::process_stderr, {{"text", line.substr(0, most_text)}});
}

void execution::look_for_port() {
    if (!port_) return;
    auto const now = listening_inode(port_);
    record(kind::process_port, {{"port", static_cast<std::uint32_t>(port_)}, {"listening", now && now == port_inode_}});
}

// What was known when it was called; the footer only once the process is gone.
traces::trace execution::joined() {
    traces::trace of_server;
    try {
        of_server = traces::read_file(folder_.file("server.jsonl"));
    } catch (traces::trace_error const& e) {
        of_server.problems.push_back("the server left no trace: " + std::string(e.what()));
    }
    if (end_ && end_->signal) std::erase(of_server.problems, traces::cut_short);
    traces::trace all = join(of_server, seen_);
    all.head.scenario = to_json_text(plan_);
    all.head.world = "live";
    all.head.observes = observed_in(plan_);
    all.head.schedule = schedule_of(all);
    if (!end_) return all;
    if (!note_.empty()) all.problems.push_back("the server never ended by itself: " + note_);
    traces::footer& foot = all.foot.emplace();
    foot.events = all.events.size();
    foot.exit_status = end_->status;
    if (end_->signal) foot.signal = signal_name(end_->signal);
    foot.note = note_;
    return all;
}

void execution::end_interrupted() {
    if (!end_) record(kind::process_signal, {{"signal", "SIGKILL"}});
    child_.reset(); // killed and reaped
    interrupted what{interrupted_by_, {}};
    if (options_.partial_path.empty()) throw what;
    try {
        traces::write_file(options_.partial_path, joined());
        what.kept = options_.partial_path;
    } catch (traces::trace_error const&) {} // then nothing is kept, and said so
    throw what;
}

} // namespace

std::string why_not_live(scenario const& s) {
    if (s.server == "scopes") return "scopes alone have no server process; use the simulated world";
    bool const open = is_reactor(s) ? s.reactor.when == server::stop_moment::any : server::lists(s.config.stop_at, "any") || server::lists(s.config.free_at, "any");
    return open ? "the moment \"any\" is a decision, which only the simulated world takes; use that, or name a stop point" : "";
}

traces::trace run_live(scenario const& s, live_options const& options) {
    if (std::string const why = why_not_live(s); !why.empty()) throw input_error(s.name + ": " + why + " (--world sim)");
    need_descriptors(s);
    return execution(s, options).run();
}

std::string find_server(std::string const& wanted) {
    auto const runs = [](std::string const& path) { return access(path.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(path); };
    std::string const remedy = "; build it: cmake --build build/release --target server-under-test";
    if (!wanted.empty()) {
        if (runs(wanted)) return wanted;
        throw input_error("no executable server-under-test at " + wanted + remedy);
    }
    std::filesystem::path const here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    std::string const installed = (here.parent_path() / "libexec/shutdown-repro/server-under-test").string();
    std::string const beside = (here / "server-under-test").string();
    for (std::string const& path : {installed, beside})
        if (runs(path)) return path;
    throw input_error("cannot find server-under-test: looked at " + installed + " and " + beside + remedy);
}

} // namespace shutdown_repro::repro
