#include <stdexcept>
#include "server_under_test/worlds/control.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using server::control;
using traces::entity;
using traces::kind;

namespace {

// A control between a recorder and a list, and a stoppable object that records calls like a server.
struct control_bench final : traces::sink, server::stoppable {
    std::vector<std::string> seen;
    std::vector<traces::event> events;
    std::vector<traces::seq_t> causes;
    traces::nanoseconds clock = 0;
    control under_test;
    traces::recorder record{under_test, clock};

    explicit control_bench(std::string_view stop_at, std::string_view free_at = "never")
        : under_test(stop_at, free_at, *this) {}

    void put(traces::event const& e) override {
        seen.emplace_back(name_of(e.what));
        events.push_back(e);
        causes.push_back(e.because.empty() ? traces::no_seq : e.because.front());
    }
    void stop() override { record.emit(kind::act_stop, {entity::server, 1}); }
    void free() override { record.emit(kind::act_free, {entity::server, 1}); }

    void happens(kind what) { record.emit(what, {entity::coroutine, 1}); }
    void act() { under_test.act(*this, record); }
};

std::string complaint(std::string_view points) {
    try {
        server::parse_stop_points(points);
    } catch (std::invalid_argument const& e) { return e.what(); }
    return "none";
}

} // namespace

TEST_CASE("stop is called after the step in which the named event happened for the N-th time") {
    control_bench b("coroutine.suspend#2");
    b.happens(kind::coroutine_suspend);
    b.happens(kind::coroutine_resume);
    CHECK_FALSE(b.under_test.pending());
    b.happens(kind::coroutine_suspend);
    CHECK(b.under_test.pending());
    CHECK(b.seen == std::vector<std::string>{"coroutine.suspend", "coroutine.resume", "coroutine.suspend"});
    b.act();
    CHECK(b.seen.back() == "act.stop");
    CHECK_FALSE(b.under_test.pending());
    b.happens(kind::coroutine_suspend);
    CHECK_FALSE(b.under_test.pending());
}

TEST_CASE("an act of the control is recorded as control:1's, caused by the event of the point") {
    control_bench b("server.ready#1");
    b.happens(kind::server_listen);
    b.happens(kind::server_ready);
    b.act();
    CHECK(b.events.back().by == traces::ref{entity::control, 1});
    CHECK(b.causes.back() == 1);
    CHECK_FALSE(b.record.actor());
    CHECK(b.record.cause() == traces::no_seq);
}

TEST_CASE("stop and free at the same event come in this order, other acts in the order of their events") {
    SECTION("the same event") {
        control_bench b("server.ready#1", "server.ready#1");
        b.happens(kind::server_ready);
        b.act();
        CHECK(b.seen == std::vector<std::string>{"server.ready", "act.stop", "act.free"});
    }
    SECTION("free first") {
        control_bench b("coroutine.start#1", "server.ready#1");
        b.happens(kind::server_ready);
        b.happens(kind::coroutine_start);
        b.act();
        CHECK(b.seen == std::vector<std::string>{"server.ready", "coroutine.start", "act.free", "act.stop"});
    }
}

TEST_CASE("a free at the moment of the stop waits for the stop's step to end") {
    control_bench b("server.ready#1", "act.stop#1");
    b.happens(kind::server_ready);
    b.act();
    CHECK(b.seen == std::vector<std::string>{"server.ready", "act.stop"});
    CHECK(b.under_test.pending());
    b.act();
    CHECK(b.seen.back() == "act.free");
}

TEST_CASE("stop is called as often as it has points") {
    control_bench b("server.ready#1,coroutine.start#1,coroutine.start#2");
    b.happens(kind::server_ready);
    b.act();
    b.happens(kind::coroutine_start);
    b.happens(kind::coroutine_start);
    b.act();
    CHECK(std::count(b.seen.begin(), b.seen.end(), "act.stop") == 3);
}

TEST_CASE("a control without points only forwards") {
    auto const [stop, free] = GENERATE(table<std::string, std::string>({{"never", "never"}, {"handler", "handler"}}));
    control_bench b(stop, free);
    b.happens(kind::server_ready);
    CHECK_FALSE(b.under_test.pending());
    b.act();
    CHECK(b.seen == std::vector<std::string>{"server.ready"});
}

TEST_CASE("a handler's stop and a named point go together") {
    auto const points = server::parse_stop_points("handler,server.stopped#3");
    REQUIRE(points.size() == 1);
    CHECK(points[0].what == kind::server_stopped);
    CHECK(points[0].count == 3);
}

TEST_CASE("the error for a wrong stop point names the expected form") {
    CHECK(complaint("corutine.suspend#2") ==
        "\"corutine.suspend#2\" is not a stop point: a stop point is KIND#N (coroutine.suspend#2), handler, any or "
        "never");
    CHECK(complaint("coroutine.suspend") ==
        "\"coroutine.suspend\" has no number: write \"coroutine.suspend#1\" for the first event");
    CHECK(complaint("coroutine.suspend#0") ==
        "\"coroutine.suspend#0\" must end in a number of at least 1, such as coroutine.suspend#1");
    CHECK(complaint("never,server.ready#1") == "\"never,server.ready#1\" combines \"never\" with other stop points");
    CHECK_THAT(complaint("client.done#1"), ContainsSubstring("the server does not record it"));
    CHECK_THAT(complaint("process.exit#1"), ContainsSubstring("the server does not record it"));
    CHECK_THAT(complaint("decision#1"), ContainsSubstring("the server does not record it"));
    for (std::string_view const bad : {"", ",", "server.ready#1,", "server.ready#", "server.ready#x", "server.ready#1x",
             "server.ready# 1", "server.ready#-1", "server.ready#4294967296", "server.ready#1#2", "#1", "never,never",
             "other#1", "never#1"}) {
        INFO(bad);
        CHECK(complaint(bad) != "none");
    }
}
