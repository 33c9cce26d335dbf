#include "repro/watch/process_tree.hpp"
#include <algorithm>
#include <csignal>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include "repro/process/child_process.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

using traces::entity;
using traces::kind;

namespace {

constexpr int most_rounds = 400, pause_ms = 5; // time for the kernel to remove killed processes

} // namespace

process_tree::process_tree(traces::recorder& record, traces::nanoseconds& clock, std::string folder)
    : record_(record),
      clock_(clock),
      guardian_(std::move(folder)) {
    prctl(PR_GET_CHILD_SUBREAPER, &adopted_before_);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int const pid : children_of(getpid())) // including the guardian
        if (auto const row = find_process(pid)) ours_.push_back(*row);
}

// Children of a killed process become children of this process, so the loop repeats until there are none.
process_tree::~process_tree() {
    for (int round = 0; round < most_rounds; ++round) {
        std::vector<int> const left = adopted();
        if (left.empty()) break;
        for (int const pid : left) {
            for (int const below : descendants_of(pid)) ::kill(below, SIGKILL);
            ::kill(pid, SIGKILL);
        }
        poll(nullptr, 0, pause_ms);
        for (int const pid : left) waitpid(pid, nullptr, WNOHANG);
    }
    prctl(PR_SET_CHILD_SUBREAPER, adopted_before_);
}

void process_tree::root(int pid) {
    auto const row = find_process(pid);
    members_.push_back(
        {.pid = pid, .started = row ? row->started : 0, .id = {entity::process, 1}, .name = row ? row->name : ""});
    if (row) guardian_.guards(*row);
}

void process_tree::helper(int pid) {
    auto const row = find_process(pid);
    if (!row) return;
    ours_.push_back(*row);
    guardian_.guards(*row);
}

// Returns the children of this process that it did not start: orphans of the server.
std::vector<int> process_tree::adopted() const {
    std::vector<int> found;
    for (int const pid : children_of(getpid())) {
        auto const row = find_process(pid);
        auto const is_it = [&](auto const& known) { return row && known.pid == pid && known.started == row->started; };
        if (row && std::ranges::none_of(ours_, is_it) && (members_.empty() || !is_it(members_.front())))
            found.push_back(pid);
    }
    return found;
}

// A process that is forked and has exited between two updates is seen by its events only.
void process_tree::hear_events() {
    events_.take([this](process_events::event const& e) {
        e.exited ? on_exit(e.pid, e.wait_status) : on_fork(e.pid, e.parent);
    });
    brief_.clear(); // the events of all that are left here have been read
}

void process_tree::on_fork(int pid, int parent) {
    if (find(pid)) return;
    member const* const above = find(parent);
    auto const brief = std::ranges::find(brief_, parent, &brief_process::pid);
    if (!above && brief == brief_.end()) return;
    traces::ref const ancestor = above ? above->id : brief->above;
    if (auto const row = find_process(pid)) return add(*row, ancestor);
    brief_.push_back({pid, above ? above->name : brief->name, ancestor});
}

void process_tree::on_exit(int pid, int wait_status) {
    process_end const end = end_of_status(wait_status);
    auto const brief = std::ranges::find(brief_, pid, &brief_process::pid);
    if (brief != brief_.end() && !end.status) {
        process_row row;
        row.pid = pid;
        row.name = brief->name;
        add(row, brief->above);
    }
    if (member* const m = find(pid)) m->end = end;
}

process_tree::member* process_tree::find(int pid) {
    auto const m = std::ranges::find_if(members_, [&](member const& known) { return known.pid == pid && !known.gone; });
    return m == members_.end() ? nullptr : &*m;
}

void process_tree::update() {
    hear_events();
    see_who_is_gone();
    if (members_.empty()) return;
    // Parents come before their children.
    std::vector<int> present = members_.front().gone ? std::vector<int>{} : descendants_of(members_.front().pid);
    for (int const pid : adopted()) {
        present.push_back(pid);
        for (int const below : descendants_of(pid)) present.push_back(below);
    }
    for (int const pid : present) {
        auto const row = find_process(pid);
        if (row && row->state != 'Z' && !knows(pid, row->started)) add(*row, id_of(row->parent));
    }
}

void process_tree::add(process_row const& row, traces::ref parent) {
    traces::ref const id{entity::process, static_cast<std::uint32_t>(members_.size() + 1)};
    members_.push_back({.pid = row.pid, .started = row.started, .id = id, .name = row.name});
    if (row.started) members_.back().handle = open_process(row);
    if (row.started) guardian_.guards(row);
    clock_ = traces::monotonic_now();
    record_.emit(kind::process_start, id, parent ? parent : traces::ref{entity::process, 1},
        {{"name", row.name}, {"pid", row.pid}});
}

bool process_tree::knows(int pid, std::uint64_t started) const {
    return std::ranges::any_of(members_, [&](member const& m) { return m.pid == pid && m.started == started; });
}

traces::ref process_tree::id_of(int pid) const {
    auto const m = std::ranges::find_if(members_, [&](member const& known) { return known.pid == pid && !known.gone; });
    return m == members_.end() ? traces::ref{} : m->id;
}

std::optional<process_end> process_tree::how_it_ended(member const& m, std::optional<process_row> const& row) {
    int status = 0;
    bool const is_zombie = row && row->started == m.started;
    if (is_zombie && row->parent == getpid() && waitpid(m.pid, &status, WNOHANG) == m.pid) return end_of_status(status);
    if (m.end) return m.end;
    return is_zombie ? end_of_zombie(*row) : end_of_reaped(m.handle);
}

bool process_tree::is_gone(member const& m) {
    auto const row = find_process(m.pid);
    return !row || row->started != m.started || row->state == 'Z';
}

// Records the exit of members. child_story records process:1.
void process_tree::see_who_is_gone() {
    std::vector<std::size_t> gone;
    for (std::size_t i = 0; i < members_.size(); ++i)
        if (!members_[i].gone && members_[i].id.number != 1 && is_gone(members_[i])) gone.push_back(i);
    if (gone.empty()) return;
    hear_events(); // again: the event of an exit comes before the process is gone, and maybe after the last look
    if (before_exits) before_exits();
    for (std::size_t const i : gone) record_exit(members_[i]);
}

void process_tree::record_exit(member& m) {
    m.end = how_it_ended(m, find_process(m.pid));
    m.gone = true;
    m.handle.close();
    clock_ = traces::monotonic_now();
    if (!m.end) record_.emit(kind::process_exit, m.id);
    else if (!m.end->status) record_.emit(kind::process_exit, m.id, {}, {{"signal", signal_name(m.end->signal)}});
    else record_.emit(kind::process_exit, m.id, {}, {{"status", *m.end->status}});
}

std::string process_tree::unknown_end() const {
    auto const m = std::ranges::find_if(
        members_, [](member const& known) { return known.gone && known.id.number != 1 && !known.end; });
    if (m == members_.end()) return {};
    return "how " + to_string(m->id) + " (" + m->name +
        ") ended is not known: its parent reaped it, and this kernel tells its status to nobody else; use Linux 6.15 "
        "or newer, or run as root outside of a container";
}

std::vector<process_tree::member const*> process_tree::living() const {
    std::vector<member const*> all;
    for (member const& m : members_)
        if (!m.gone) all.push_back(&m);
    return all;
}

void process_tree::kill(int signal) const {
    for (member const* m : living())
        if (auto const row = find_process(m->pid); row && row->started == m->started) ::kill(m->pid, signal);
}

std::size_t process_tree::not_in(char state) const {
    auto const all = living();
    return static_cast<std::size_t>(std::ranges::count_if(all, [&](member const* m) {
        auto const row = find_process(m->pid);
        return row && row->started == m->started && row->state != state && row->state != 'Z';
    }));
}

std::size_t process_tree::report_orphans() {
    std::size_t left = 0;
    for (member& m : members_) {
        if (m.gone || m.id.number == 1) continue;
        ++left;
        if (std::exchange(m.reported, true)) continue;
        clock_ = traces::monotonic_now();
        record_.emit(kind::process_orphan, m.id, {}, {{"name", m.name}});
    }
    return left;
}

} // namespace shutdown_repro::repro
