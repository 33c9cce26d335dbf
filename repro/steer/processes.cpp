#include "repro/steer/processes.hpp"
#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>
#include "repro/steer/proc_text.hpp"

namespace shutdown_repro::repro::steer {
namespace {

bool is_thread_of(int pid, int tid) {
    return access(("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid)).c_str(), F_OK) == 0;
}

int process_of_thread(int tid) {
    std::string const status = text_of("/proc/" + std::to_string(tid) + "/status");
    auto const pid = number_after(status, "\nTgid:", 10);
    return pid ? static_cast<int>(*pid) : tid;
}

bool has_exited(process const& p) {
    pollfd state{p.handle.get(), POLLIN, 0};
    return !p.handle || poll(&state, 1, 0) > 0;
}

} // namespace

process const& processes::of(int tid) {
    auto known = pid_of_thread_.find(tid);
    if (known != pid_of_thread_.end() && !is_thread_of(known->second, tid)) {
        pid_of_thread_.erase(known);
        known = pid_of_thread_.end();
    }
    if (known == pid_of_thread_.end()) known = pid_of_thread_.emplace(tid, process_of_thread(tid)).first;
    return add(known->second);
}

process const& processes::add(int pid) {
    auto known = by_pid_.find(pid);
    if (known != by_pid_.end() && !has_exited(known->second)) return known->second;
    tree_.update();
    process one{.pid = pid, .id = {traces::entity::process, 0}};
    for (process_tree::member const* m : tree_.living())
        if (m->pid == pid) one.id = m->id;
    one.handle = unique_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    return by_pid_.insert_or_assign(pid, std::move(one)).first->second;
}

void processes::update() {
    std::erase_if(by_pid_, [](auto const& one) { return has_exited(one.second); });
    if (!std::exchange(forked_, false)) return;
    tree_.update();
    for (process_tree::member const* m : tree_.living()) add(m->pid);
}

std::vector<process const*> processes::all() const {
    std::vector<process const*> list;
    for (auto const& [pid, one] : by_pid_) list.push_back(&one);
    std::ranges::sort(list, {}, [](process const* p) { return p->id.number; });
    return list;
}

unique_fd processes::take(process const& p, int fd) {
    unique_fd taken(static_cast<int>(syscall(SYS_pidfd_getfd, p.handle.get(), fd, 0)));
    if (!taken && errno != EBADF && errno != ESRCH && trouble_.empty())
        trouble_ =
            "a descriptor of " + to_string(p.id) + " can't be looked at: " + std::generic_category().message(errno);
    return taken;
}

} // namespace shutdown_repro::repro::steer
