#include "repro/steer/threads.hpp"
#include <algorithm>
#include <array>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include "repro/steer/proc_text.hpp"

namespace shutdown_repro::repro::steer {
namespace {

constexpr long between_looks_ns = 60'000;

// Calls in which a thread may sleep that have nothing to do with connections, or that end by themselves.
constexpr std::array harmless_waits{SYS_futex, SYS_nanosleep, SYS_clock_nanosleep, SYS_wait4, SYS_waitid, SYS_pause,
    SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_read, SYS_readv, SYS_write, SYS_writev, SYS_restart_syscall, SYS_flock,
    SYS_fcntl, SYS_semop, SYS_semtimedop, SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_recvfrom, SYS_recvmsg,
    SYS_sendto, SYS_sendmsg, SYS_connect, SYS_accept, SYS_accept4, SYS_fsync, SYS_fdatasync, SYS_vfork, SYS_clone,
    SYS_exit, SYS_exit_group, SYS_execve, SYS_msgrcv, SYS_msgsnd, SYS_mq_timedreceive, SYS_sched_yield, SYS_openat};

} // namespace

std::optional<thread_state> state_of_thread(int pid, int tid) {
    std::string const text = text_of("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/status");
    std::size_t const at = text.find("\nState:\t");
    if (at == text.npos || at + 8 >= text.size()) return std::nullopt;
    return thread_state{.state = text[at + 8],
        .switches = number_after(text, "\nvoluntary_ctxt_switches:", 10).value_or(0),
        .own = number_after(text, "\nSigPnd:", 16).value_or(0),
        .shared = number_after(text, "\nShdPnd:", 16).value_or(0),
        .blocked = number_after(text, "\nSigBlk:", 16).value_or(0)};
}

bool quiet_look::look(processes& all, std::set<int> const& parked, std::map<int, std::uint64_t>& switches) {
    all.update();
    for (process const* p : all.all())
        for (int const tid : threads_of(p->pid)) {
            if (parked.contains(tid)) continue;
            auto const state = state_of_thread(p->pid, tid);
            if (!state) continue;
            if (!state->asleep()) {
                busy_ = "a thread of " + to_string(p->id) + " is computing";
                return false;
            }
            switches[tid] = state->switches;
        }
    return true;
}

bool quiet_look::both_quiet(processes& all, std::set<int> const& parked) {
    std::map<int, std::uint64_t> first, second;
    if (!look(all, parked, first)) return false;
    timespec const pause{0, between_looks_ns};
    nanosleep(&pause, nullptr);
    return look(all, parked, second) && first == second;
}

std::string unknown_wait(processes const& all, std::set<int> const& parked) {
    for (process const* p : all.all())
        for (int const tid : threads_of(p->pid)) {
            if (parked.contains(tid)) continue;
            std::string const text =
                text_of("/proc/" + std::to_string(p->pid) + "/task/" + std::to_string(tid) + "/syscall");
            auto const number = number_after(text, "", 10);
            if (number && std::ranges::find(harmless_waits, static_cast<long>(*number)) == harmless_waits.end())
                return "a thread of " + to_string(p->id) + " waits in system call " + std::to_string(*number) +
                    ", which is not steered";
        }
    return {};
}

} // namespace shutdown_repro::repro::steer
