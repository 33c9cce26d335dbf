#include <csignal>
#include "repro/input/errors.hpp"
#include "tests/repro/steer/steer_tools.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::tests;
using repro::steer::run_steered;

namespace {

// Why the execution is inconclusive, or the rules that were broken.
std::string outcome_of_hostile(std::string const& way) {
    traces::trace const t = run_steered(hostile_steered(way), {});
    std::string const rules = broken_rules(t);
    CHECK(traces::judge(t).verdict != traces::verdict::clean);
    return rules.empty() ? first_problem(t) : rules;
}

} // namespace

TEST_CASE("a server that is not steered somewhere is inconclusive, with the reason") {
    CHECK(outcome_of_hostile("uring").find("io_uring") != std::string::npos);
    CHECK(outcome_of_hostile("listens").find("seccomp listener") != std::string::npos);
    CHECK(outcome_of_hostile("unknown").find("waits in system call 208") != std::string::npos);
}

TEST_CASE("a server that exits or is killed while a call is held is seen to its end") {
    CHECK(outcome_of_hostile("exits") == "the server exited before it was stopped");
    CHECK(outcome_of_hostile("closes") == "the server exited before it was stopped");
    CHECK(outcome_of_hostile("dies") == "crash-on-stop");
}

TEST_CASE("children that a steered server leaves are told, and are gone in the end") {
    CHECK(outcome_of_hostile("forks") == "orphan-process orphan-process orphan-process"); // one for each answer
}

TEST_CASE("a steered server that ignores the stop is killed after the grace period") {
    CHECK(outcome_of_hostile("deaf") == "killed-after-grace");
}

TEST_CASE("a server that is never quiet does not start, with the reason") {
    for (std::string const way : {"spins", "calls"}) {
        INFO(way);
        try {
            run_steered(hostile_steered(way), {});
            FAIL("it was steered");
        } catch (repro::input_error const& e) {
            CHECK(e.exit_status == repro::inconclusive);
            CHECK(std::string(e.what()).find("did not become ready") != std::string::npos);
        }
    }
}

TEST_CASE("a server with a filter of its own is steered") {
    traces::trace const t = run_steered(hostile_steered("seccomp"), {});
    CHECK(first_problem(t) == "");
    CHECK(broken_rules(t) == "");
    CHECK(steps_of(t) == steps_of(run_steered(hostile_steered("fine"), {})));
}

TEST_CASE("a target that can't be steered is refused, with the reason") {
    repro::target t = small_server("epoll");
    t.stop.by = repro::stop_method::http;
    CHECK_THROWS_WITH(run_steered(t, {}), ContainsSubstring("it is not stopped by a signal"));
}
