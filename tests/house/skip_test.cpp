// A skipped test must not hide a failed one. The program runs itself, to get the exit status that CTest gets.
#include <cstdlib>
#include <filesystem>
#include <sys/wait.h>
#include "tests/catch.hpp"
#include "tests/skip.hpp"

static int exit_status_when_it(char const* does) {
    std::string const self = std::filesystem::read_symlink("/proc/self/exe").string();
    int const status = std::system(
        ("AFTER_A_SKIP=" + std::string(does) + " '" + self + "' 'a test that was skipped in part*' >/dev/null")
            .c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("a test that was skipped in part is skipped, and has failed when the rest of it failed") {
    if (char const* const does = std::getenv("AFTER_A_SKIP")) {
        shutdown_repro::tests::skip("half of it");
        CHECK(does == std::string("passes"));
        return;
    }
    CHECK(exit_status_when_it("passes") == shutdown_repro::tests::skipped_status);
    CHECK(exit_status_when_it("fails") == 1);
}
