#include "repro/process/child_process.hpp"
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include "repro/input/errors.hpp"

namespace shutdown_repro::repro {
namespace {

struct pipe_ends {
    unique_fd from, to;
};

pipe_ends open_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    return {unique_fd(ends[0]), unique_fd(ends[1])};
}

// Repeats a system call until it is not interrupted by a signal.
template <class Call> auto uninterrupted(Call call) {
    auto result = call();
    while (result == -1 && errno == EINTR) result = call();
    return result;
}

// Between fork and exec: async-signal-safe calls only.
struct exec_plan {
    char const* path;
    char* const* argv;
    char* const* environment;
    int parent, errors, notes, failure;
    bool speaks;
};
[[noreturn]] void exec_child(exec_plan b) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != b.parent) _exit(127); // the parent died before PR_SET_PDEATHSIG was set
    setsid();
    for (int s = 1; s < NSIG; ++s) std::signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);

    // First move the descriptors to high numbers: one of them may have a number that is about to be assigned.
    constexpr int free_from = 16;
    for (int* fd : {&b.errors, &b.notes, &b.failure}) *fd = fcntl(*fd, F_DUPFD_CLOEXEC, free_from);
    int const nothing = fcntl(open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, free_from);
    dup2(nothing, STDIN_FILENO);
    dup2(b.speaks ? b.notes : nothing, STDOUT_FILENO);
    dup2(b.errors, STDERR_FILENO);
    if (!b.speaks) dup2(b.notes, child_process::note_fd);
    close_range(child_process::note_fd + (b.speaks ? 0 : 1), ~0u, CLOSE_RANGE_CLOEXEC);

    execve(b.path, b.argv, b.environment);
    int const why = errno;
    [[maybe_unused]] auto const told = write(b.failure, &why, sizeof why);
    _exit(127);
}

// When SIGCHLD is ignored, which may be inherited, the kernel reaps children itself and their exit status is lost.
void want_children() {
    struct sigaction now {};
    sigaction(SIGCHLD, nullptr, &now);
    if (now.sa_handler == SIG_IGN) std::signal(SIGCHLD, SIG_DFL);
}

std::string_view name_of(std::string_view entry) { return entry.substr(0, entry.find('=')); }

// Returns the entries of `own`, the last one of each name, followed by the entries of this process's environment with
// other names. Ends with a null pointer.
std::vector<char*> environment_with(std::vector<std::string> const& own) {
    std::vector<char*> all;
    for (std::size_t i = 0; i < own.size(); ++i)
        if (std::none_of(own.begin() + static_cast<std::ptrdiff_t>(i) + 1, own.end(),
                [&](std::string const& later) { return name_of(later) == name_of(own[i]); }))
            all.push_back(const_cast<char*>(own[i].c_str()));
    for (char** ours = environ; *ours; ++ours)
        if (std::none_of(own.begin(), own.end(), [&](std::string const& e) { return name_of(e) == name_of(*ours); }))
            all.push_back(*ours);
    all.push_back(nullptr);
    return all;
}

} // namespace

std::string signal_name(int signal) {
    char const* const abbreviation = sigabbrev_np(signal);
    return abbreviation ? std::string("SIG") + abbreviation : "signal " + std::to_string(signal);
}

child_process::child_process(launch const& l) {
    auto const& [path, arguments, environment, speaks] = l;
    pipe_ends errors = open_pipe(), notes = open_pipe(), failure = open_pipe();
    for (unique_fd const* ours : {&errors.from, &notes.from}) fcntl(ours->get(), F_SETFL, O_NONBLOCK);
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (std::string const& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    std::vector<char*> all_environment = environment_with(environment);

    want_children();
    int const parent = getpid();
    pid_ = fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0)
        exec_child({path.c_str(), argv.data(), all_environment.data(), parent, errors.to.get(), notes.to.get(),
            failure.to.get(), speaks});

    failure.to.close();
    int why = 0;
    bool const executed = uninterrupted([&] { return read(failure.from.get(), &why, sizeof why); }) != sizeof why;
    pidfd_ = unique_fd(executed ? static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)) : -1);
    if (!pidfd_) {
        if (executed) why = errno;
        end_it();
        throw input_error("cannot execute " + path + ": " + std::generic_category().message(why));
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
