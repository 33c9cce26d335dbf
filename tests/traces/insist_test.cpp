// A condition on this program itself that does not hold ends the process: in a process of its own, as it ends that.
#include <functional>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/catch.hpp"
#include "traces/insist.hpp"

using namespace shutdown_repro;

namespace {

struct ended {
    int status; // as of waitpid
    std::string said;
};

ended in_its_own_process(std::function<void()> const& it) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    pid_t const child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        it();
        _exit(0);
    }
    close(ends[1]);
    ended e{};
    char part[512];
    for (ssize_t n; (n = read(ends[0], part, sizeof part)) > 0;) e.said.append(part, static_cast<std::size_t>(n));
    close(ends[0]);
    REQUIRE(waitpid(child, &e.status, 0) == child);
    return e;
}

} // namespace

TEST_CASE("a condition that does not hold ends the process with status 70 and says what, where, and to report it") {
    ended const e = in_its_own_process([] { traces::insist(1 + 1 == 3, "one and one are three"); });
    REQUIRE(WIFEXITED(e.status)); // no signal, so no core is dumped
    CHECK(WEXITSTATUS(e.status) == 70);
    CHECK_THAT(e.said, ContainsSubstring("our own bug: this must hold and does not: one and one are three\n"));
    CHECK_THAT(e.said, ContainsSubstring("at tests/traces/insist_test.cpp:"));
    CHECK_THAT(e.said, ContainsSubstring("shutdown-repro 0."));
    CHECK_THAT(e.said, ContainsSubstring("Please report it"));
}

TEST_CASE("a condition that holds is not heard of") {
    ended const e = in_its_own_process([] { traces::insist(1 + 1 == 2, "one and one are two"); });
    CHECK(e.status == 0);
    CHECK(e.said.empty());
}
