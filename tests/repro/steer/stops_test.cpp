#include "tests/repro/steer/steer_tools.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::tests;
using repro::steer::run_steered;

namespace {

// Returns the step that follows the stop, whatever the clients see meanwhile.
std::string step_after_stop(traces::trace const& t) {
    bool stopped = false;
    for (traces::event const& e : t.events) {
        if (stopped && e.find("step")) return std::string(e.text("step"));
        if (e.what == traces::kind::process_signal && e.integer("stop")) stopped = true;
    }
    return "";
}

} // namespace

TEST_CASE("the stop comes just before the named step, at each step of the default order") {
    auto const check = [](std::string const& way, std::string const& step) {
        INFO(way << " " << step);
        traces::trace const t = run_steered(small_server(way), {.stop_at = step});
        CHECK(first_problem(t) == "");
        CHECK(step_after_stop(t) == step);
    };
    for (std::string const& step : steps_of(run_steered(small_server("edge"), {})))
        if (!step.starts_with("quiet#")) check("edge", step); // after a quiet moment nothing of the server follows
    for (std::string const step : {"listen.accept#2", "client:1.read#1", "backend:1.read#1"}) check("threads", step);
}

TEST_CASE("a stop between the acts of the clients is named after the quiet moment") {
    traces::trace const t = run_steered(small_server("poll"), {.stop_at = "quiet#3"});
    CHECK(first_problem(t) == "");
    CHECK(std::ranges::count(all_steps_of(t), "client:2.read#1") == 1);
    CHECK(std::ranges::count(all_steps_of(t), "client:2.read#2") == 0);
}

TEST_CASE("with the stop first the server handles it before the step") {
    traces::trace const t = run_steered(small_server("epoll"), {.stop_at = "client:2.read#1", .stop_first = true});
    CHECK(first_problem(t) == "");
    CHECK(step_after_stop(t) == "process:1.handles#1");
}

TEST_CASE("a request that select tells of together with the stop is lost, and not if the stop is pending meanwhile") {
    repro::target const t = small_server("select");
    std::string const lost = broken_rules(run_steered(t, {.stop_at = "process:1.told#2", .stop_first = true}));
    CHECK(lost.find("closed-with-unread-request") != std::string::npos);
    CHECK(lost.find("connection-reset-inflight") == std::string::npos); // one loss is told once
    CHECK(broken_rules(run_steered(t, {.stop_at = "process:1.told#2"})) == "");
}

TEST_CASE("a stop point that is never reached makes the execution inconclusive") {
    traces::trace const t = run_steered(small_server("epoll"), {.stop_at = "client:2.read#9"});
    CHECK(traces::judge(t).verdict == traces::verdict::inconclusive);
    CHECK(first_problem(t).find("client:2.read#9") != std::string::npos);
}

TEST_CASE("a connection that was not accepted before the stop is told to be in the backlog") {
    traces::trace const t = run_steered(small_server("select"), {.stop_at = "process:1.told#1", .stop_first = true});
    CHECK(first_problem(t) == "");
    CHECK(broken_rules(t).find("request-in-flight-lost") == std::string::npos);
}

TEST_CASE("a client that waits for a response does not leave before the end of the grace period") {
    repro::target t = small_server("never");
    t.grace_ms = 700;
    traces::trace const seen = run_steered(t, {});
    bool const timed_out = std::ranges::any_of(seen.events,
        [](traces::event const& e) { return e.what == traces::kind::client_fail && e.text("how") == "timeout"; });
    CHECK(timed_out);
    CHECK(traces::judge(seen).verdict == traces::verdict::violated);
}

TEST_CASE("a close says which request it leaves unread from its first byte to its last") {
    traces::trace const t = run_steered(small_server("select"), {.stop_at = "process:1.told#2", .stop_first = true});
    auto const close =
        std::ranges::find_if(t.events, [](traces::event const& e) { return e.text("step") == "client:2.close#1"; });
    REQUIRE(close != t.events.end());
    CHECK(close->integer("unread") > 0);
    auto const fails = std::ranges::find_if(t.events,
        [](traces::event const& e) { return e.what == traces::kind::client_fail && to_string(e.id) == "client:2"; });
    REQUIRE(fails != t.events.end());
    CHECK(close->id_of("unread_request") == fails->id_of("request"));
}

TEST_CASE("after a stop at a quiet moment the server handles it before the clients act again") {
    for (int i = 0; i < 10; ++i) {
        std::vector<std::string> const steps = all_steps_of(run_steered(small_server("poll"), {.stop_at = "quiet#2"}));
        auto const interrupted = std::ranges::find(steps, "process:1.interrupted#1");
        REQUIRE(interrupted != steps.end());
        REQUIRE(interrupted + 1 != steps.end());
        CHECK(*(interrupted + 1) == "process:1.told-other#1");
    }
}
