// Checks the layout of the sources with the version of clang-format that .clang-format was written for.
#include <cstdlib>
#include <string>
#include "tests/catch.hpp"
#include "tests/skip.hpp"

TEST_CASE("every source has the layout of ./dev format") {
    std::string const ours = "clang-format-14";
    if (std::system((ours + " --version >/dev/null 2>&1").c_str()) != 0)
        return shutdown_repro::tests::skip("no clang-format-14 here");
    // clang-format prints the files and lines that differ on standard error.
    CHECK(
        std::system(("cd '" SOURCE_DIR "' && find traces server_under_test repro cli tests -name '*.[ch]pp' -print0 | "
                     "xargs -0 -n 50 " +
            ours + " --dry-run --Werror --style=file")
                        .c_str()) == 0);
}
