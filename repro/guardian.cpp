#include "repro/guardian.hpp"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>
#include "repro/process_table.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr int most_rounds = 400, pause_ms = 5; // for the kernel to take the killed away

// Kills whoever is left, and says whether there was anybody.
bool kill_all(std::vector<int> const& sessions, std::string const& mark) {
    bool found = false;
    for (int const pid : all_processes()) {
        if (pid == getpid()) continue;
        auto const row = find_process(pid);
        if (!row || row->state == 'Z' || row->state == 'X') continue;
        if (!std::count(sessions.begin(), sessions.end(), row->session) && !has_environment(pid, mark)) continue;
        found = true;
        kill(pid, SIGKILL);
    }
    return found;
}

[[noreturn]] void guard(int hear, std::string const& mark) {
    setsid(); // a terminal's Ctrl-C is not for us
    prctl(PR_SET_NAME, "guardian");
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    constexpr int kept = 3;
    dup2(hear, kept);
    for (int const standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(standard);
    close_range(kept + 1, ~0u, 0);

    std::vector<int> sessions;
    int session = 0;
    while (read(kept, &session, sizeof session) == sizeof session) sessions.push_back(session);
    for (int round = 0; round < most_rounds && kill_all(sessions, mark); ++round) poll(nullptr, 0, pause_ms);
    _exit(0);
}

} // namespace

guardian::guardian(std::string mark) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    descriptor hear(ends[0]);
    tell_ = descriptor(ends[1]);
    pid_ = fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) guard(hear.get(), mark);
}

guardian::~guardian() {
    tell_.close();
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {}
}

void guardian::guards(int session) {
    [[maybe_unused]] auto const told = write(tell_.get(), &session, sizeof session);
}

} // namespace shutdown_repro::repro
