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
#include "repro/process/pid_namespace.hpp"

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
    pid_namespace const* space; // that it is process 1 of; null for none
    int hand_over;
    char* pid_here; // where its pid is written as text; null for nowhere
    before_exec* hook;
};

// What the child tells its parent when it can't be executed. The parent has the same text at the same address.
struct exec_failure {
    char const* what = nullptr; // that failed before exec; null if exec itself failed
    int why = 0;                // errno
};

[[noreturn]] void fail_to_exec(int tell, char const* what) {
    exec_failure const failure{what, errno};
    [[maybe_unused]] auto const told = write(tell, &failure, sizeof failure);
    _exit(127);
}

constexpr std::size_t pid_digits = 10;

void write_number(char* to, int number) {
    char digits[pid_digits];
    std::size_t count = 0;
    for (; number; number /= 10) digits[count++] = static_cast<char>('0' + number % 10);
    while (count) *to++ = digits[--count];
    *to = 0;
}

[[noreturn]] void exec_child(exec_plan b) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // The parent died before PR_SET_PDEATHSIG was set. From inside a PID namespace its parent can't be seen.
    if (!b.space && getppid() != b.parent) _exit(127);
    if (char const* const what = b.space ? b.space->enter() : nullptr) fail_to_exec(b.failure, what);
    setsid();
    for (int s = 1; s < NSIG; ++s) std::signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);

    // First move the descriptors to high numbers: one of them may have a number that is about to be assigned.
    constexpr int free_from = 16;
    for (int* fd : {&b.errors, &b.notes, &b.failure, &b.hand_over})
        if (*fd >= 0) *fd = fcntl(*fd, F_DUPFD_CLOEXEC, free_from);
    int const nothing = fcntl(open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, free_from);
    dup2(nothing, STDIN_FILENO);
    dup2(b.speaks ? b.notes : nothing, STDOUT_FILENO);
    dup2(b.errors, STDERR_FILENO);
    if (!b.speaks) dup2(b.notes, child_process::note_fd);
    bool const hands_over = b.speaks && b.hand_over >= 0;
    if (hands_over) dup2(b.hand_over, child_process::note_fd);
    close_range(child_process::note_fd + (b.speaks && !hands_over ? 0 : 1), ~0u, CLOSE_RANGE_CLOEXEC);
    if (b.pid_here) write_number(b.pid_here, getpid());

    if (char const* const what = b.hook ? b.hook->in_child() : nullptr) fail_to_exec(b.failure, what);
    execve(b.path, b.argv, b.environment);
    if (b.hook) b.hook->not_executed(errno);
    fail_to_exec(b.failure, nullptr);
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

[[noreturn]] void throw_no_namespace(std::string const& what, int why) {
    throw input_error("cannot make a PID namespace for the server: " + what + ": " +
            std::generic_category().message(why) +
            "; run as root, or allow user namespaces (sysctl user.max_user_namespaces)",
        inconclusive);
}

[[noreturn]] void throw_no_fork(bool pid1) {
    if (pid1 && (errno == EPERM || errno == ENOSPC || errno == EINVAL)) throw_no_namespace("clone", errno);
    throw std::system_error(errno, std::generic_category(), "fork");
}

} // namespace

std::string signal_name(int signal) {
    char const* const abbreviation = sigabbrev_np(signal);
    return abbreviation ? std::string("SIG") + abbreviation : "signal " + std::to_string(signal);
}

child_process::child_process(launch const& l) {
    auto const& [path, arguments, given, speaks, pid1, hand_over, hook] = l;
    std::vector<std::string> environment = given;
    char* pid_here = nullptr;
    if (auto const at = std::ranges::find(environment, listen_pid); at != environment.end()) {
        at->resize(listen_pid.size() + pid_digits + 1);
        pid_here = at->data() + listen_pid.size();
    }
    pipe_ends errors = open_pipe(), notes = open_pipe(), failure = open_pipe();
    for (unique_fd const* ours : {&errors.from, &notes.from}) fcntl(ours->get(), F_SETFL, O_NONBLOCK);
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (std::string const& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    std::vector<char*> all_environment = environment_with(environment);

    want_children();
    int const parent = getpid();
    pid_namespace space;
    pid_ = pid1 ? space.fork() : fork();
    if (pid_ < 0) throw_no_fork(pid1);
    if (pid_ == 0)
        exec_child({path.c_str(), argv.data(), all_environment.data(), parent, errors.to.get(), notes.to.get(),
            failure.to.get(), speaks, pid1 ? &space : nullptr, hand_over, pid_here, hook});

    failure.to.close();
    if (hook) run_in_parent(*hook);
    exec_failure failed;
    bool const executed =
        uninterrupted([&] { return read(failure.from.get(), &failed, sizeof failed); }) != sizeof failed;
    pidfd_ = unique_fd(executed ? static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)) : -1);
    if (!pidfd_) {
        if (executed) failed.why = errno;
        end_it();
        if (failed.what) throw_no_namespace(failed.what, failed.why);
        throw input_error("cannot execute " + path + ": " + std::generic_category().message(failed.why));
    }
    errors_ = std::move(errors.from);
    notes_ = std::move(notes.from);
}

void child_process::run_in_parent(before_exec& hook) try { hook.in_parent(pid_); } catch (...) {
    end_it();
    throw;
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
