#include "repro/program_run.hpp"
#include <algorithm>
#include <csignal>
#include <fstream>
#include <limits>
#include <unistd.h>
#include "repro/child_process.hpp"
#include "repro/control_socket.hpp"
#include "repro/errors.hpp"
#include "repro/join.hpp"
#include "repro/live.hpp"
#include "repro/poller.hpp"
#include "repro/private_folder.hpp"
#include "repro/signals_as_events.hpp"
#include "repro/target_trace.hpp"
#include "server_under_test/tcp_world.hpp"

namespace shutdown_repro::repro {

using server::millisecond;
using traces::entity;
using traces::kind;
using traces::nanoseconds;

namespace {

constexpr std::size_t most_stderr = 1 << 20; // bytes that are recorded
constexpr std::size_t most_text = 4096;      // bytes of one process.stderr
constexpr nanoseconds last_words = 500 * millisecond; // for what its children hold open

std::string with_folder(std::string text, std::string const& folder) {
    constexpr std::string_view place = "{folder}";
    for (std::size_t at = 0; (at = text.find(place, at)) != text.npos; at += folder.size()) text.replace(at, place.size(), folder);
    return text;
}

class execution final : private poller::watcher {
public:
    execution(program const& p, program_order const& o) : plan_(p), order_(o) {}
    traces::trace run();

private:
    void on_ready(int fd, std::uint32_t) override;
    void start();
    void listen_for_points();
    void wait(nanoseconds until);
    void read_errors();
    void record_error_line(std::string_view);
    traces::trace joined();

    void record(kind what, std::initializer_list<traces::field> detail = {}) {
        clock_ = server::monotonic_now();
        record_.emit(what, {entity::process, 1}, {}, detail);
    }

    program const& plan_;
    program_order const& order_;
    signals_as_events signals_;
    private_folder folder_;
    traces::trace seen_;
    nanoseconds clock_ = 0;
    traces::recorder record_{seen_, clock_};
    poller events_;
    std::optional<control_socket> control_;
    std::optional<child_process> child_;
    std::optional<process_end> end_;
    int interrupted_by_ = 0;
    bool errors_open_ = true;
    std::size_t errors_kept_ = 0;
    std::string errors_line_, note_;
};

traces::trace execution::run() {
    start();
    nanoseconds const deadline = server::monotonic_now() + plan_.within_ms * millisecond;
    while (!end_) {
        wait(note_.empty() ? deadline : std::numeric_limits<nanoseconds>::max());
        if (end_ || !note_.empty() || server::monotonic_now() < deadline) continue;
        note_ = "killed after " + std::to_string(plan_.within_ms) + " ms";
        record(kind::process_signal, {{"signal", "SIGKILL"}});
        child_->kill(SIGKILL);
    }
    nanoseconds const last = server::monotonic_now() + last_words;
    while (errors_open_ && server::monotonic_now() < last) wait(last);
    record_error_line(std::exchange(errors_line_, {}));
    return joined();
}

// By env(1), so that the environment is the child's alone.
void execution::start() {
    for (auto const& [name, text] : plan_.files) std::ofstream(folder_.file(name)) << text;
    std::vector<std::string> words;
    auto const set = [&](auto const& variables) {
        for (auto const& [name, value] : variables) words.push_back(name + "=" + with_folder(value, folder_.path()));
    };
    set(plan_.environment);
    listen_for_points();
    set(environment_of({.adapter = plan_.adapter, .trace = folder_.file("target.jsonl"), .control = control_ ? folder_.file("control") : "", .order = order_.order, .decisions = order_.decisions}));
    for (std::string const& word : plan_.command) words.push_back(with_folder(word, folder_.path()));
    record(kind::process_start);
    child_.emplace("/usr/bin/env", words);
    events_.watch(signals_.get(), EPOLLIN, *this);
    for (int const fd : {child_->pidfd(), child_->errors()}) events_.watch(fd, EPOLLIN, *this);
}

void execution::listen_for_points() {
    std::vector<std::string> armed;
    for (std::string const& point : {order_.stop_at, order_.free_at})
        if (!point.empty() && std::ranges::find(armed, point) == armed.end()) armed.push_back(point);
    if (armed.empty()) return;
    control_.emplace(events_, folder_.file("control"), armed, [this](control_socket& c, std::string_view point) {
        auto const is = [&](std::string const& wanted) { return !wanted.empty() && (point == wanted || point.substr(0, point.find('#')) == wanted); };
        if (is(order_.stop_at)) c.tell("stop");
        if (is(order_.free_at)) c.tell("free");
        c.release();
    });
}

void execution::on_ready(int fd, std::uint32_t) {
    if (fd == signals_.get()) {
        if (int const signal = signals_.take()) interrupted_by_ = signal;
    } else if (fd == child_->errors()) {
        read_errors();
    } else if ((end_ = child_->reap())) {
        events_.forget(fd);
        if (end_->status) record(kind::process_exit, {{"status", *end_->status}});
        else record(kind::process_exit, {{"signal", signal_name(end_->signal)}});
    }
}

void execution::wait(nanoseconds until) {
    events_.wait(control_ ? std::min(until, control_->next_due()) : until);
    if (control_) control_->on_time();
    if (interrupted_by_) throw interrupted{interrupted_by_, {}};
}

void execution::read_errors() {
    char part[4096];
    ssize_t const got = read(child_->errors(), part, sizeof part);
    if (got < 0) return;
    if (got == 0) {
        errors_open_ = false;
        return events_.forget(child_->errors());
    }
    std::size_t const kept = std::min(static_cast<std::size_t>(got), most_stderr - errors_kept_);
    errors_kept_ += kept;
    errors_line_.append(part, kept);
    std::size_t begin = 0;
    for (std::size_t end; (end = errors_line_.find('\n', begin)) != errors_line_.npos; begin = end + 1)
        record_error_line(std::string_view(errors_line_).substr(begin, end - begin));
    errors_line_.erase(0, begin);
}

void execution::record_error_line(std::string_view line) {
    if (!line.empty()) record(kind::process_stderr, {{"text", line.substr(0, most_text)}});
}

traces::trace execution::joined() {
    traces::trace const of_target = read_target_trace(folder_.file("target.jsonl"));
    traces::trace all = join(of_target, seen_);
    all.head.world = "live";
    all.head.observes = of_target.head.observes + " process";
    all.head.tool = plan_.adapter + " adapter";
    if (control_) {
        control_->target_is_over();
        all.problems.insert(all.problems.end(), control_->problems().begin(), control_->problems().end());
    }
    if (!note_.empty()) all.problems.push_back("the program never ended by itself: " + note_);
    schedule taken;
    for (taken_decision const& d : decisions_of(all)) taken.choices.push_back(d.choice);
    if (order_.decisions) {
        std::size_t const wanted = order_.decisions->choices.size();
        for (std::size_t i = 0; i < wanted; ++i) {
            std::uint32_t const now = i < taken.choices.size() ? taken.choices[i] : 0;
            if (now == order_.decisions->choices[i]) continue;
            all.problems.push_back("decision " + std::to_string(i) + " was not taken as asked: the program did not offer it this time");
            break;
        }
    }
    if (!taken.choices.empty()) all.head.schedule = to_string(taken);
    traces::footer& foot = all.foot.emplace();
    foot.events = all.events.size();
    foot.exit_status = end_->status;
    if (end_->signal) foot.signal = signal_name(end_->signal);
    foot.note = note_;
    return all;
}

// The next order: of the decisions that were taken, the last one that has a choice left takes it.
bool advance(std::vector<taken_decision>& path) {
    while (!path.empty() && path.back().choice + 1 >= path.back().of) path.pop_back();
    if (path.empty()) return false;
    ++path.back().choice;
    return true;
}

} // namespace

program program_of(target const& t) {
    std::string const found = find_program(t.command.front());
    if (found.empty())
        throw input_error("cannot find the program " + t.command.front() + (t.package.empty() ? "" : "; install the Debian package " + t.package), inconclusive);
    program p{.name = t.name, .command = t.command, .files = t.files, .environment = t.environment, .adapter = t.adapter, .within_ms = t.grace_ms};
    p.command.front() = found;
    return p;
}

traces::trace run_program(program const& p, program_order const& o) { return execution(p, o).run(); }

std::vector<taken_decision> decisions_of(traces::trace const& t) {
    std::vector<taken_decision> all;
    for (traces::event const& e : t.events)
        if (e.what == kind::decision) all.push_back({static_cast<std::uint32_t>(e.integer("choice")), static_cast<std::uint32_t>(e.integer("of"))});
    return all;
}

bool run_each_order(program const& p, std::uint64_t most, std::function<bool(schedule const&, traces::trace const&)> const& seen) {
    std::vector<taken_decision> path;
    for (std::uint64_t n = 0; n < most; ++n) {
        schedule wanted;
        for (taken_decision const& d : path) wanted.choices.push_back(d.choice);
        traces::trace const t = run_program(p, {.order = {}, .decisions = wanted});
        path = decisions_of(t);
        schedule taken;
        for (taken_decision const& d : path) taken.choices.push_back(d.choice);
        if (!seen(taken, t)) return false;
        if (!advance(path)) return true;
    }
    return false;
}

} // namespace shutdown_repro::repro
