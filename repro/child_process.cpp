#include "repro/child_process.hpp"
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include "repro/errors.hpp"

namespace shutdown_repro::repro {
namespace {

struct pipe_ends {
    descriptor from, to;
};

pipe_ends open_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    return {descriptor(ends[0]), descriptor(ends[1])};
}

// Calls it until no signal interrupts it.
template <class Call> auto uninterrupted(Call call) {
    auto result = call();
    while (result == -1 && errno == EINTR) result = call();
    return result;
}

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(char const* path, char* const* argv, int parent, int errors, int notes, int failure) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); // it died before that was set
    setpgid(0, 0);
    for (int s = 1; s < NSIG; ++s) std::signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);

    // Out of the way first: any of them may have one of the numbers that are about to be assigned.
    constexpr int free_from = 16;
    errors = fcntl(errors, F_DUPFD_CLOEXEC, free_from);
    notes = fcntl(notes, F_DUPFD_CLOEXEC, free_from);
    failure = fcntl(failure, F_DUPFD_CLOEXEC, free_from);
    int const nothing = fcntl(open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, free_from);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    dup2(notes, child_process::note_fd);
    close_range(child_process::note_fd + 1, ~0u, CLOSE_RANGE_CLOEXEC);

    execv(path, argv);
    int const why = errno;
    [[maybe_unused]] auto const told = write(failure, &why, sizeof why);
    _exit(127);
}

// Where SIGCHLD is ignored, as we may have inherited it, the kernel reaps children itself and nobody learns how they ended.
void want_children() {
    struct sigaction now {};
    sigaction(SIGCHLD, nullptr, &now);
    if (now.sa_handler == SIG_IGN) std::signal(SIGCHLD, SIG_DFL);
}

} // namespace

void descriptor::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

std::string signal_name(int signal) {
    char const* const abbreviation = sigabbrev_np(signal);
    return abbreviation ? std::string("SIG") + abbreviation : "signal " + std::to_string(signal);
}

child_process::child_process(std::string const& path, std::vector<std::string> const& arguments) {
    pipe_ends errors = open_pipe(), notes = open_pipe(), failure = open_pipe();
    for (descriptor const* ours : {&errors.from, &notes.from}) fcntl(ours->get(), F_SETFL, O_NONBLOCK);
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (std::string const& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);

    want_children();
    int const parent = getpid();
    pid_ = fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) become(path.c_str(), argv.data(), parent, errors.to.get(), notes.to.get(), failure.to.get());

    failure.to.close();
    int why = 0;
    bool const executed = uninterrupted([&] { return read(failure.from.get(), &why, sizeof why); }) != sizeof why;
    pidfd_ = descriptor(executed ? static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)) : -1);
    if (!pidfd_) {
        if (executed) why = errno;
        end_it();
        throw input_error("cannot run " + path + ": " + std::generic_category().message(why));
    }
    errors_ = std::move(errors.from);
    notes_ = std::move(notes.from);
}

child_process::~child_process() {
    if (!reaped_) end_it();
}

void child_process::end_it() {
    kill(SIGKILL);
    uninterrupted([&] { return waitpid(pid_, nullptr, 0); });
    reaped_ = true;
}

void child_process::kill(int signal) {
    if (!reaped_) ::kill(pid_, signal);
}

std::optional<process_end> child_process::reap() {
    int status = 0;
    if (reaped_ || waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    reaped_ = true;
    process_end end;
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    else end.status = WEXITSTATUS(status);
    return end;
}

} // namespace shutdown_repro::repro
