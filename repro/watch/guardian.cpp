#include "repro/watch/guardian.hpp"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <linux/seccomp.h>
#include <poll.h>
#include <random>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace shutdown_repro::repro {
namespace {

constexpr int guardian_rounds = 400, filter_rounds = 2'000,
              guardian_pause_ms = 5; // time for the kernel to remove killed processes

std::string random_mark() {
    std::random_device source;
    constexpr char digits[] = "0123456789abcdef";
    std::string mark = "SHUTDOWN_REPRO_MARK=";
    for (int i = 0; i < 24; ++i) mark += digits[source() % 16];
    return mark;
}

// Identifies a process; its number alone may be reused.
struct identity {
    int pid = 0;
    std::uint64_t started = 0;
    friend bool operator==(identity const&, identity const&) = default;
};

// A message to the guardian: a process, and perhaps a descriptor.
union descriptor_space {
    cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

bool hear_message(int from, identity& one, int& descriptor) {
    descriptor_space space{};
    iovec body{&one, sizeof one};
    msghdr message{};
    message.msg_iov = &body;
    message.msg_iovlen = 1;
    message.msg_control = &space;
    message.msg_controllen = sizeof space;
    if (recvmsg(from, &message, 0) != sizeof one) return false;
    cmsghdr const* const with = CMSG_FIRSTHDR(&message);
    if (with && with->cmsg_type == SCM_RIGHTS) descriptor = *reinterpret_cast<int const*>(CMSG_DATA(with));
    return true;
}

// Kills each process that waits for an answer to a system call. Returns whether a process is under the filter.
bool kill_filtered(int listener) {
    pollfd state{listener, POLLIN, 0};
    while (poll(&state, 1, 0) > 0 && (state.revents & POLLIN)) {
        seccomp_notif asked{};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) == 0) kill(static_cast<pid_t>(asked.pid), SIGKILL);
        state.revents = 0;
    }
    return !(state.revents & POLLHUP);
}

// Kills the remaining processes of the server. Returns whether there were any.
bool kill_all(std::vector<identity> const& told, std::string const& mark) {
    std::vector<process_row> others, theirs;
    for (int const pid : all_processes()) {
        auto const row = find_process(pid);
        if (!row || pid == getpid()) continue;
        bool const known = std::ranges::count(told, identity{pid, row->started}) || has_environment(pid, mark);
        (known ? theirs : others).push_back(*row);
    }
    // The number of a session is not reused while a process is in it, so a process in one of their sessions belongs to
    // them.
    for (std::size_t i = 0; i < theirs.size(); ++i) {
        process_row const one = theirs[i];
        auto const related = [&](process_row const& r) {
            return r.parent == one.pid || (r.session > 0 && r.session == one.session);
        };
        std::ranges::copy_if(others, std::back_inserter(theirs), related);
        std::erase_if(others, related);
    }
    std::erase_if(theirs, [](process_row const& r) { return r.state == 'Z' || r.state == 'X'; });
    for (process_row const& r : theirs) kill(r.pid, SIGKILL);
    return !theirs.empty();
}

// Without /proc nothing is known of the processes but their numbers. Each first process leads a process group.
void kill_groups(std::vector<identity> const& told) {
    for (identity const& one : told) kill(-one.pid, SIGKILL);
}

[[noreturn]] void guard(int hear, std::string const& mark, std::string const& folder) {
    setsid(); // Ctrl-C on the terminal must not end the guardian
    prctl(PR_SET_NAME, "guardian");
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    constexpr int kept = 3;
    dup2(hear, kept);
    for (int const standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(standard);
    close_range(kept + 1, ~0u, 0);

    std::vector<identity> told;
    identity one;
    int listener = -1;
    while (hear_message(kept, one, listener))
        if (one.pid) told.push_back(one);
    if (all_processes().empty()) kill_groups(told);
    for (int round = 0; round < guardian_rounds && kill_all(told, mark); ++round) poll(nullptr, 0, guardian_pause_ms);
    for (int round = 0; listener >= 0 && round < filter_rounds && kill_filtered(listener); ++round)
        poll(nullptr, 0, guardian_pause_ms);
    std::error_code ignored;
    if (!folder.empty()) std::filesystem::remove_all(folder, ignored);
    _exit(0);
}

} // namespace

guardian::guardian(std::string folder) : mark_(random_mark()), folder_(std::move(folder)) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    unique_fd hears(ends[0]);
    tell_ = unique_fd(ends[1]);
    pid_ = fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) guard(hears.get(), mark_, folder_);
}

guardian::~guardian() {
    tell_.close();
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
}

void guardian::guards(process_row const& row) {
    identity const one{row.pid, row.started};
    [[maybe_unused]] auto const told = send(tell_.get(), &one, sizeof one, MSG_NOSIGNAL);
}

void guardian::holds(int listener) {
    identity none;
    descriptor_space space{};
    iovec body{&none, sizeof none};
    msghdr message{};
    message.msg_iov = &body;
    message.msg_iovlen = 1;
    message.msg_control = &space;
    message.msg_controllen = sizeof space;
    cmsghdr* const with = CMSG_FIRSTHDR(&message);
    with->cmsg_level = SOL_SOCKET;
    with->cmsg_type = SCM_RIGHTS;
    with->cmsg_len = CMSG_LEN(sizeof listener);
    *reinterpret_cast<int*>(CMSG_DATA(with)) = listener;
    if (sendmsg(tell_.get(), &message, MSG_NOSIGNAL) < 0)
        throw std::system_error(errno, std::generic_category(), "sendmsg to the guardian");
}

} // namespace shutdown_repro::repro
