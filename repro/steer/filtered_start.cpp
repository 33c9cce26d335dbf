#include "repro/steer/filtered_start.hpp"
#include <atomic>
#include <cerrno>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <new>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <system_error>
#include <time.h>
#include <unistd.h>
#include "repro/input/errors.hpp"
#include "repro/steer/filter.hpp"

namespace shutdown_repro::repro::steer {

struct filtered_start::page {
    std::atomic<int> listener{-1}, error{0}, taken{0}, exec_error{0};
};

namespace {

constexpr long glance_ns = 50'000;

void glance() { // not filtered, and async-signal-safe
    timespec const t{0, glance_ns};
    nanosleep(&t, nullptr);
}

[[noreturn]] void cannot_steer(std::string const& call, int error) {
    std::string why = "cannot steer the server: " + call + ": " + std::generic_category().message(error);
    if (error == ENOSYS || error == EINVAL) why += "; it needs Linux 5.19 or later, built with seccomp and kcmp";
    else if (error == EBUSY) why += "; this process is under the seccomp listener of a container already";
    else if (error == EPERM || error == EACCES)
        why += "; the container forbids it (allow ptrace: --cap-add SYS_PTRACE), or kernel.yama.ptrace_scope does";
    throw input_error(why + "; without --steer the server is run as it is", inconclusive);
}

bool child_has_exited(int pid) {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

// What the supervisor does later with each process: it reads its memory, and compares open files.
void try_to_look_into(int pid, void const* address) {
    char byte = 0;
    iovec here{&byte, 1}, there{const_cast<void*>(address), 1};
    if (process_vm_readv(pid, &here, 1, &there, 1, 0) != 1) cannot_steer("process_vm_readv", errno);
    if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, STDERR_FILENO, STDERR_FILENO) < 0) cannot_steer("kcmp", errno);
}

} // namespace

filtered_start::filtered_start(process_tree& tree) : tree_(tree), program_(filter_program()) {
    void* const memory = mmap(nullptr, sizeof(page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    page_ = new (memory) page;
}

filtered_start::~filtered_start() { munmap(page_, sizeof(page)); }

int filtered_start::exec_error() const { return page_->exec_error; }

char const* filtered_start::in_child() {
    personality(ADDR_NO_RANDOMIZE); // addresses are the same in each execution
    if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "no_new_privs";
    sock_fprog const program{static_cast<unsigned short>(program_.size()), const_cast<sock_filter*>(program_.data())};
    // WAIT_KILLABLE_RECV: once a call was received, no signal takes the thread away, so what is done for it is done
    // once.
    long const fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    if (fd < 0) {
        page_->error = errno;
        return "seccomp";
    }
    page_->listener = static_cast<int>(fd);
    while (!page_->taken) glance();
    return nullptr;
}

void filtered_start::in_parent(int pid) {
    while (page_->listener < 0 && !page_->error) {
        if (child_has_exited(pid)) return; // the constructor of child_process says why
        glance();
    }
    if (page_->error) cannot_steer("seccomp", page_->error);
    unique_fd const process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (!process) cannot_steer("pidfd_open", errno);
    listener_ = unique_fd(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), page_->listener.load(), 0)));
    if (!listener_) cannot_steer("pidfd_getfd", errno);
    try_to_look_into(pid, page_);
    tree_.hold(listener_.get());
    page_->taken = 1;
}

// Writing and exit_group are filtered, and nobody answers yet. SYS_exit is not.
void filtered_start::not_executed(int why) {
    page_->exec_error = why;
    syscall(SYS_exit, 127);
    __builtin_unreachable();
}

} // namespace shutdown_repro::repro::steer
