#include "repro/process_tree.hpp"
#include <algorithm>
#include <csignal>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "repro/child_process.hpp"
#include "server_under_test/tcp_world.hpp"

namespace shutdown_repro::repro {

using traces::entity;
using traces::kind;

process_tree::process_tree(traces::recorder& record, traces::nanoseconds& clock, std::string mark)
    : record_(record), clock_(clock), mark_(std::move(mark)) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

process_tree::~process_tree() {
    for (member const& m : members_)
        if (m.id.number != 1) waitpid(m.pid, nullptr, WNOHANG); // of those that became our children
}

void process_tree::root(int pid) {
    auto const row = find_process(pid);
    members_.push_back({.pid = pid, .started = row ? row->started : 0, .id = {entity::process, 1}, .name = row ? row->name : ""});
}

void process_tree::look() {
    see_who_is_gone();
    if (members_.empty()) return;
    // Parents come before their children. The adopted are our own children; others that we have neither its session nor the mark.
    std::vector<int> present = members_.front().gone ? std::vector<int>{} : descendants_of(members_.front().pid);
    for (int const pid : children_of(getpid())) {
        if (pid == members_.front().pid) continue;
        auto const row = find_process(pid);
        if (!row || row->state == 'Z') continue;
        if (!knows(pid, row->started) && row->session != members_.front().pid && !has_environment(pid, mark_)) continue;
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
    member const m{.pid = pid, .started = row->started, .id = {entity::process, static_cast<std::uint32_t>(members_.size() + 1)}, .name = row->name};
    members_.push_back(m);
    clock_ = server::monotonic_now();
    record_.emit(kind::process_start, m.id, parent ? parent : traces::ref{entity::process, 1}, {{"name", m.name}, {"pid", pid}});
}

bool process_tree::knows(int pid, std::uint64_t started) const {
    return std::ranges::any_of(members_, [&](member const& m) { return m.pid == pid && m.started == started; });
}

traces::ref process_tree::id_of(int pid) const {
    auto const m = std::ranges::find_if(members_, [&](member const& known) { return known.pid == pid && !known.gone; });
    return m == members_.end() ? traces::ref{} : m->id;
}

// How it ended is known of those that we reap. The first one is its starter's.
void process_tree::see_who_is_gone() {
    for (member& m : members_) {
        if (m.gone || m.id.number == 1) continue;
        auto const row = find_process(m.pid);
        if (row && row->started == m.started && row->state != 'Z') continue;
        m.gone = true;
        clock_ = server::monotonic_now();
        int status = 0;
        bool const ours = row && row->parent == getpid() && waitpid(m.pid, &status, WNOHANG) == m.pid;
        if (!ours) record_.emit(kind::process_exit, m.id);
        else if (WIFSIGNALED(status)) record_.emit(kind::process_exit, m.id, {}, {{"signal", signal_name(WTERMSIG(status))}});
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

bool process_tree::all_are(char state) const {
    return std::ranges::all_of(living(), [&](member const* m) {
        auto const row = find_process(m->pid);
        return !row || row->state == state;
    });
}

void process_tree::report_orphans() {
    for (member& m : members_) {
        if (m.gone || m.id.number == 1 || m.reported) continue;
        m.reported = true;
        clock_ = server::monotonic_now();
        record_.emit(kind::process_orphan, m.id, {}, {{"name", m.name}});
    }
}

} // namespace shutdown_repro::repro
