#include "repro/process/process_tree.hpp"
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

process_tree::process_tree(traces::recorder& record, traces::nanoseconds& clock) : record_(record), clock_(clock) {
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

void process_tree::update() {
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
        if (row && row->state != 'Z' && !knows(pid, row->started)) add(pid, id_of(row->parent));
    }
}

void process_tree::add(int pid, traces::ref parent) {
    auto const row = find_process(pid);
    if (!row) return;
    member const m{.pid = pid,
        .started = row->started,
        .id = {entity::process, static_cast<std::uint32_t>(members_.size() + 1)},
        .name = row->name};
    members_.push_back(m);
    guardian_.guards(*row);
    clock_ = traces::monotonic_now();
    record_.emit(
        kind::process_start, m.id, parent ? parent : traces::ref{entity::process, 1}, {{"name", m.name}, {"pid", pid}});
}

bool process_tree::knows(int pid, std::uint64_t started) const {
    return std::ranges::any_of(members_, [&](member const& m) { return m.pid == pid && m.started == started; });
}

traces::ref process_tree::id_of(int pid) const {
    auto const m = std::ranges::find_if(members_, [&](member const& known) { return known.pid == pid && !known.gone; });
    return m == members_.end() ? traces::ref{} : m->id;
}

// Records the exit of members. The exit status is known only of those that this process reaps. child_story records
// process:1.
void process_tree::see_who_is_gone() {
    for (member& m : members_) {
        if (m.gone || m.id.number == 1) continue;
        auto const row = find_process(m.pid);
        if (row && row->started == m.started && row->state != 'Z') continue;
        m.gone = true;
        clock_ = traces::monotonic_now();
        int status = 0;
        bool const ours = row && row->parent == getpid() && waitpid(m.pid, &status, WNOHANG) == m.pid;
        if (!ours) record_.emit(kind::process_exit, m.id);
        else if (WIFSIGNALED(status))
            record_.emit(kind::process_exit, m.id, {}, {{"signal", signal_name(WTERMSIG(status))}});
        else record_.emit(kind::process_exit, m.id, {}, {{"status", WEXITSTATUS(status)}});
    }
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
