// Where the kernel or a container does not allow steering.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "repro/input/errors.hpp"
#include "tests/repro/steer/steer_tools.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::tests;

namespace {

// A filter that allows everything, except that this call fails; with a listener, as some containers have one.
bool install(int call, unsigned flags) {
    sock_filter rules[] = {{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<std::uint32_t>(call)},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM}, {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
    sock_fprog const program{4, rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) >= 0;
}

// Returns what a process under such a filter says when it is to steer a server.
std::string refusal(int call, unsigned flags) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    pid_t const pid = fork();
    if (pid == 0) {
        std::string said = "it was steered";
        try {
            if (install(call, flags)) repro::steer::run_steered(small_server("epoll"), {});
            else said = "no filter";
        } catch (repro::input_error const& e) { said = std::to_string(e.exit_status) + " " + e.what(); }
        [[maybe_unused]] auto const done = write(ends[1], said.data(), said.size());
        _exit(0);
    }
    close(ends[1]);
    std::string said;
    char part[1024];
    for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0;) said.append(part, static_cast<std::size_t>(n));
    close(ends[0]);
    waitpid(pid, nullptr, 0);
    return said;
}

} // namespace

TEST_CASE("where steering is forbidden the run fails with status 3, and says what forbids it") {
    CHECK_THAT(refusal(SYS_pidfd_getfd, 0), ContainsSubstring("3 cannot steer the server: pidfd_getfd: "));
    CHECK_THAT(refusal(SYS_pidfd_getfd, 0), ContainsSubstring("--cap-add SYS_PTRACE"));
    CHECK_THAT(refusal(SYS_kcmp, 0), ContainsSubstring("3 cannot steer the server: kcmp: "));
    CHECK_THAT(refusal(SYS_seccomp, 0), ContainsSubstring("3 cannot steer the server: seccomp: "));
    CHECK_THAT(refusal(-1, SECCOMP_FILTER_FLAG_NEW_LISTENER), ContainsSubstring("listener of a container already"));
}
