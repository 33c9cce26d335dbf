#include <algorithm>
#include <string>
#include <sys/wait.h>
#include "repro/watch/child_story.hpp"
#include "tests/catch.hpp"
#include "traces/clock.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;

TEST_CASE("what a server wrote before its exit is read to its end, however little of it is recorded") {
    child_story story;
    story.start({.path = "/bin/sh",
        .arguments = {
            "-c", "printf '%40000s\\n==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x1' '' >&2"}});
    siginfo_t exited{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(story.child().pid()), &exited, WEXITED | WNOWAIT) == 0);

    story.hear_last_words(traces::monotonic_now());

    auto const is_report = [](traces::event const& e) {
        return e.what == traces::kind::process_stderr && e.text("text").find("AddressSanitizer") != std::string::npos;
    };
    CHECK(std::ranges::any_of(story.seen().events, is_report));
}
