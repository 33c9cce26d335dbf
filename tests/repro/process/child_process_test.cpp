#include <csignal>
#include <sys/wait.h>
#include "repro/input/errors.hpp"
#include "tests/catch.hpp"
#include "tests/repro/live/live_tools.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;

namespace {

std::string all_of(int fd) {
    std::string text;
    char part[4096];
    while (readable_in_time(fd)) {
        ssize_t const got = read(fd, part, sizeof part);
        if (got <= 0) break;
        text.append(part, static_cast<std::size_t>(got));
    }
    return text;
}

process_end end_of(child_process& child) {
    REQUIRE(readable_in_time(child.pidfd()));
    auto const end = child.reap();
    REQUIRE(end);
    return *end;
}

child_process shell(std::string const& command) { return child_process("/bin/sh", {"-c", command}); }

bool have_children() { return waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

} // namespace

TEST_CASE("stderr and notes of a child arrive, its exit status is reaped, and nothing is left") {
    std::size_t const before = open_descriptors();
    {
        child_process child = shell("echo to stdout; echo to stderr >&2; echo note >&3; exit 7");
        CHECK(all_of(child.errors()) == "to stderr\n");
        CHECK(all_of(child.notes()) == "note\n");
        process_end const end = end_of(child);
        CHECK(end.status == 7);
        CHECK(end.signal == 0);
        CHECK_FALSE(child.reap());
    }
    CHECK_FALSE(have_children());
    CHECK(open_descriptors() == before);
}

TEST_CASE("the signal that killed a child is known") {
    child_process child = shell("kill -ABRT $$");
    process_end const end = end_of(child);
    CHECK_FALSE(end.status);
    CHECK(signal_name(end.signal) == "SIGABRT");
}

TEST_CASE("a running child is not reaped, and the destructor kills it") {
    repro::unique_fd process;
    {
        child_process child = shell("echo runs >&3; exec tail -f /dev/null");
        REQUIRE(readable_in_time(child.notes()));
        CHECK_FALSE(child.reap());
        process = handle_of_process(child.pid());
        REQUIRE(process);
    }
    CHECK(readable_in_time(process.get()));
    CHECK_FALSE(have_children());
}

TEST_CASE("the error for a program that can't be executed names its path and the reason") {
    test_folder folder;
    CHECK_THROWS_WITH(
        child_process("/no/such/program", {}), "cannot execute /no/such/program: No such file or directory");
    std::ofstream(folder.path / "data") << "no program";
    CHECK_THROWS_WITH(child_process((folder.path / "data").string(), {}), ContainsSubstring("Permission denied"));
    CHECK_FALSE(have_children());
}

TEST_CASE("a child has no descriptor of its parent, its own process group, and no blocked or ignored signal") {
    int const ours = fcntl(STDIN_FILENO, F_DUPFD, 50); // inheritable on purpose
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    auto const handled = std::signal(SIGQUIT, SIG_IGN);

    // A shell blocks some signals while it waits for a command, so the last command replaces the shell.
    child_process child = shell(
        "ls /proc/$$/fd >&2; cut -d' ' -f5 /proc/$$/stat >&3; exec grep -E '^Sig(Blk|Ign)' /proc/self/status >&2");
    std::string const said = all_of(child.errors());
    CHECK(std::stoi(all_of(child.notes())) == child.pid());
    CHECK(end_of(child).status == 0);
    std::string const fds = said.substr(0, said.find("Sig"));
    CHECK(fds.starts_with("0\n1\n"));
    CHECK(fds.find("\n" + std::to_string(ours) + "\n") == fds.npos);
    CHECK(said.find("SigBlk:\t0000000000000000") != said.npos);
    CHECK(said.find("SigIgn:\t0000000000000000") != said.npos);

    std::signal(SIGQUIT, handled);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    close(ours);
}

TEST_CASE("the end of a child is known even if SIGCHLD was ignored at the start") {
    auto const handled = std::signal(SIGCHLD, SIG_IGN);
    child_process child = shell("exit 5");
    CHECK(end_of(child).status == 5);
    std::signal(SIGCHLD, handled);
}

TEST_CASE("a child dies with the process that started it, even when that is killed") {
    int channel[2];
    REQUIRE(pipe2(channel, O_CLOEXEC) == 0);
    pid_t const starter = fork();
    if (starter == 0) {
        child_process child = shell("echo runs >&3; exec tail -f /dev/null");
        if (!readable_in_time(child.notes())) _exit(1);
        int const pid = child.pid();
        [[maybe_unused]] auto const told = write(channel[1], &pid, sizeof pid);
        pause();
        _exit(1);
    }
    close(channel[1]);
    int pid = 0;
    REQUIRE(read(channel[0], &pid, sizeof pid) == sizeof pid);
    close(channel[0]);
    repro::unique_fd const process = handle_of_process(pid);
    REQUIRE(process);
    kill(starter, SIGKILL);
    REQUIRE(waitpid(starter, nullptr, 0) == starter);
    CHECK(readable_in_time(process.get()));
}
