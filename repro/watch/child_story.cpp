#include "repro/watch/child_story.hpp"
#include <algorithm>
#include <poll.h>
#include <unistd.h>
#include <utility>
#include "repro/input/errors.hpp"
#include "server_under_test/worlds/world_kind.hpp"
#include "traces/clock.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/rules/stderr_text.hpp"

namespace shutdown_repro::repro {

using traces::entity;
using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr nanoseconds tree_every = 20 * millisecond;      // interval of looking for new processes
constexpr nanoseconds glance = 10 * millisecond;          // interval of polling /proc while waiting for orphans to exit
constexpr nanoseconds orphans_have = 1'000 * millisecond; // time for descendants to exit after the first process
constexpr nanoseconds longest_kill = 5'000 * millisecond;
constexpr std::size_t most_said = 256 * 1024;     // bytes of output that are recorded
constexpr std::size_t most_evidence = 256 * 1024; // bytes of evidence that are recorded after that
constexpr std::size_t most_text = 4096;           // bytes of one event
constexpr std::size_t longest_line = 64 * 1024;   // a longer one is taken in parts
constexpr std::size_t overlap = 256;              // bytes that parts of a line share: what ends one may begin a report
constexpr std::size_t most_last_words = 2000;

nanoseconds now() { return traces::monotonic_now(); }

bool is_evidence(std::string_view text) {
    return !traces::assertions_in(text).empty() || !traces::sanitizer_reports_in(text).empty();
}

// Writes what was seen until the interruption to the path, where there is one, and says so in `i`.
void keep_partial(interruption& i, traces::trace const& t, std::string const& path) {
    if (path.empty()) return;
    try {
        traces::write_file(path, t);
        i.kept = path;
    } catch (traces::trace_error const&) {} // then nothing is kept, and said so
}

} // namespace

child_story::child_story() {
    events_.watch(signals_.get(), EPOLLIN, *this);
    tree_.before_exits = [this] { hear_what_was_written(); };
}
child_story::~child_story() = default;

void child_story::record(kind what, std::initializer_list<traces::field> detail) {
    clock_ = now();
    record_.emit(what, {entity::process, 1}, {}, detail);
}

void child_story::start(launch l, std::vector<traces::field> const& detail, std::span<int const> accepted) {
    need_proc();
    l.environment.push_back(mark());
    accepted_ = accepted;
    std::vector<traces::field> all(detail);
    if (l.pid1) all.push_back({"pid1", true});
    clock_ = now();
    record_.emit(kind::process_start, {entity::process, 1}, {}, all);
    child_.emplace(l);
    tree_.root(child_->pid());
    errors_.open = true;
    output_.open = l.speaks;
    for (int const fd : {child_->pidfd(), child_->errors()}) events_.watch(fd, EPOLLIN, *this);
    if (l.speaks) events_.watch(child_->notes(), EPOLLIN, *this);
}

std::string child_story::how_it_ended() const {
    return end_->status ? "it exited with status " + std::to_string(*end_->status)
                        : "it was killed by " + signal_name(end_->signal);
}

void child_story::on_ready(int fd, std::uint32_t) {
    if (fd == signals_.get()) {
        if (int const signal = signals_.take()) interrupted_by_ = signal;
    } else if (fd == child_->errors()) {
        read_from(fd, errors_);
    } else if (fd == child_->notes()) {
        read_from(fd, output_);
    } else {
        tree_.update(); // a child that ended before its parent is recorded before it
        if (!(end_ = child_->reap())) return;
        hear_what_was_written();
        events_.forget(fd);
        tree_.root_is_gone();
        if (!end_->status) return record(kind::process_exit, {{"signal", signal_name(end_->signal)}});
        if (accepted_.empty()) return record(kind::process_exit, {{"status", *end_->status}});
        record(kind::process_exit,
            {{"status", *end_->status}, {"accepted", std::ranges::count(accepted_, *end_->status) > 0}});
    }
}

void child_story::wait(nanoseconds until) {
    events_.wait(child_ ? std::min(until, looked_ + tree_every) : until);
    if (now() - looked_ >= tree_every) {
        tree_.update();
        looked_ = now();
    }
    if (interrupted_by_) throw interruption{interrupted_by_, {}};
}

// --- its output ------------------------------------------------------------------------------------------------------

void child_story::read_from(int fd, pipe& p) {
    char part[16 * 1024];
    ssize_t const got = read(fd, part, sizeof part);
    if (got < 0) return;
    if (got == 0) {
        say(std::exchange(p.line, {}), p);
        p.open = false;
        return events_.forget(fd);
    }
    std::string_view const text(part, static_cast<std::size_t>(got));
    heard_ += text.size();
    last_words_ += text;
    if (last_words_.size() > most_last_words) last_words_.erase(0, last_words_.size() - most_last_words);
    p.line += text;
    std::size_t begin = 0;
    for (std::size_t end; (end = p.line.find('\n', begin)) != p.line.npos; begin = end + 1)
        say(std::string_view(p.line).substr(begin, end - begin), p);
    p.line.erase(0, begin);
    if (p.line.size() <= longest_line) return;
    say(p.line, p);
    p.line.erase(0, p.line.size() - overlap);
}

void child_story::say(std::string_view line, pipe const& from) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) return;
    if (on_line) on_line(line);
    keep(line.substr(0, most_text), from);
    for (std::size_t at = most_text; at < line.size(); at += most_text) {
        std::string_view const rest = line.substr(at - overlap, most_text + overlap);
        if (is_evidence(rest)) keep(rest, from);
        else left_out_ += std::min(most_text, line.size() - at);
    }
}

// Once much was recorded, only what rules may judge is: the length of a log must not change a verdict.
void child_story::keep(std::string_view text, pipe const& from) {
    if (recorded_ > most_said && !is_evidence(text)) return void(left_out_ += text.size());
    if (recorded_ > most_said + most_evidence) return void(++dropped_);
    recorded_ += text.size();
    if (&from == &errors_) record(kind::process_stderr, {{"text", text}});
    else record(kind::process_stderr, {{"text", text}, {"output", from.stream}});
}

// Reads what is in the pipes. What a process wrote before its end is recorded before it: some words are evidence only
// when a process ends badly after them.
void child_story::hear_what_was_written() {
    constexpr std::uint64_t most = 2 << 20; // a process may go on writing
    std::uint64_t const before = heard_;
    if (!child_) return;
    for (auto const& [fd, from] : {std::pair(child_->errors(), &errors_), std::pair(child_->notes(), &output_)})
        for (pollfd there{fd, POLLIN, 0}; from->open && heard_ - before < most && poll(&there, 1, 0) > 0;)
            read_from(fd, *from);
}

void child_story::hear_last_words(nanoseconds until) {
    constexpr std::uint64_t most_in_pipes = 2 << 20; // what was written by then, and not what a process goes on writing
    std::uint64_t late = 0;
    for (std::uint64_t before = heard_ + 1;
         speaks() && (now() < until || (heard_ != before && late < most_in_pipes));) {
        bool const over = now() >= until;
        before = heard_;
        wait(until);
        if (over) late += heard_ - before;
    }
    for (pipe* p : {&errors_, &output_}) say(std::exchange(p->line, {}), *p);
    if (auto const size = std::exchange(left_out_, 0)) record(kind::process_stderr, {{"left_out", size}});
}

// --- its end ---------------------------------------------------------------------------------------------------------

void child_story::kill_all(std::string const& why) {
    if (!why.empty()) note(why);
    forced_ = true;
    tree_.update();
    record(kind::process_signal, {{"signal", "SIGKILL"}, {"stop", false}});
    tree_.kill(SIGKILL);
    nanoseconds const deadline = now() + longest_kill;
    while (!end_ && now() < deadline) wait(deadline);
    if (!end_) note("the server did not exit after SIGKILL");
}

void child_story::look_for_orphans() {
    nanoseconds const deadline = now() + orphans_have;
    for (tree_.update(); !tree_.living().empty() && now() < deadline; tree_.update()) wait(now() + glance);
    if (!forced_) record(kind::process_left, {{"count", static_cast<std::uint64_t>(tree_.report_orphans())}});
}

// It is killed where it stands, and what was seen of it is the story.
void child_story::cut_short(interruption const& i) {
    if (runs()) record(kind::process_signal, {{"signal", "SIGKILL"}, {"stop", false}});
    child_.reset();
    note("interrupted by " + signal_name(i.signal));
}

void child_story::note(std::string why) {
    if (note_.empty()) note_ = std::move(why);
}

void child_story::conclude(traces::trace& t) const {
    t.head.world = server::word_of(server::world_kind::live);
    traces::footer& foot = t.foot.emplace();
    foot.events = t.events.size();
    if (end_) {
        foot.exit_status = end_->status;
        if (end_->signal) foot.signal = signal_name(end_->signal);
    }
    foot.dropped += dropped_;
    foot.note = note_.empty() && !forced_ ? tree_.unknown_end() : note_;
    if (!foot.note.empty()) t.problems.push_back(foot.note);
}

traces::trace child_story::tell(std::function<void()> const& live, std::function<traces::trace()> const& seen_so_far,
    std::string const& partial_path) try {
    live();
    return seen_so_far();
} catch (interruption& i) {
    cut_short(i);
    keep_partial(i, seen_so_far(), partial_path);
    throw;
}

} // namespace shutdown_repro::repro
