// The what-if table: what each change of the reported program does to the transaction's finish event, to the program
// and to the user's timer, in each order of the tick in which the client's read and the server's write are ready at
// once. It was measured on the real program (tests/data/mojolicious.md), but for eager-drain, which is the report's own
// idea, and drained, ours.
#include <algorithm>
#include "repro/live/live.hpp"
#include "repro/sim/execute.hpp"
#include "server_under_test/worlds/words.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using server::reactor_policy;
using server::serve_order;
using traces::event;
using traces::kind;

namespace {

struct row {
    reactor_policy policy;
    serve_order order;
    std::string finish, program, timer,
        stops; // stops: how the last accepted connection closes, which ends the loop; or why it ends
    friend bool operator==(row const&, row const&) = default;
};

row const table[] = {
    // what is changed                 who is first               finish   program   timer    the loop stops
    {reactor_policy::as_reported, serve_order::server_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::as_reported, serve_order::client_first, "lost", "error", "lost", "graceful_after_write"},
    {reactor_policy::guard_self, serve_order::server_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::guard_self, serve_order::client_first, "lost", "runs", "lost", "graceful_after_write"},
    {reactor_policy::strong_self, serve_order::server_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::strong_self, serve_order::client_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::close_on_destroy, serve_order::server_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::close_on_destroy, serve_order::client_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::deferred_destroy, serve_order::server_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::deferred_destroy, serve_order::client_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::eager_drain, serve_order::server_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::eager_drain, serve_order::client_first, "fired", "runs", "lost", "server_destroyed"},
    {reactor_policy::no_destroy, serve_order::server_first, "fired", "runs", "fires", "timeout"},
    {reactor_policy::no_destroy, serve_order::client_first, "fired", "runs", "fires", "timeout"},
    {reactor_policy::drained, serve_order::server_first, "fired", "runs", "fires", "drained"},
    {reactor_policy::drained, serve_order::client_first, "fired", "runs", "fires", "drained"},
};

std::ostream& operator<<(std::ostream& out, row const& r) {
    return out << word_of(r.policy) << ", " << word_of(r.order) << ": finish " << r.finish << ", program " << r.program
               << ", timer " << r.timer << ", the loop stops at " << r.stops;
}

// The report's program with its timer; its times are the report's, or shorter where they are waited for.
repro::scenario reported(row const& r, std::int64_t timer_ms, std::int64_t keep_alive_ms) {
    repro::scenario s;
    s.name = "table";
    s.server = server::reactor_config{};
    s.reactor().policy = r.policy;
    s.reactor().order = r.order;
    s.reactor().timer_ms = timer_ms;
    s.reactor().keep_alive_ms = keep_alive_ms;
    s.reactor().inactivity_ms = s.reactor().client_inactivity_ms = 20'000;
    s.reactor().cap_ms = 20'000;
    return s;
}

row cell_of(row const& asked, traces::trace const& t) {
    auto const there = [&](kind k, auto const& fits) {
        return std::ranges::any_of(t.events, [&](event const& e) { return e.what == k && fits(e); });
    };
    auto const any = [](event const&) { return true; };
    row seen{asked.policy, asked.order, "lost", "runs", "lost", "never"};
    if (there(kind::request_finish, any)) seen.finish = "fired";
    if (there(kind::loop_error, any)) seen.program = "error";
    if (there(kind::timer_fire, [](event const& e) { return e.text("what") == "user"; })) seen.timer = "fires";
    auto const stops = std::ranges::find(t.events, kind::loop_stopping, &event::what);
    if (stops != t.events.end()) seen.stops = stops->text("cause", stops->text("why"));
    return seen;
}

} // namespace

TEST_CASE("each change of the reported program gives the measured cell, simulated, 100 of 100") {
    repro::simulator sim;
    traces::trace t;
    for (row const& expected : table) {
        int agree = 0;
        for (int i = 0; i < 100; ++i) {
            repro::follow in_order{repro::schedule{}};
            sim.run(reported(expected, 2000, 5000), in_order, t);
            CHECK(in_order.taken().choices.empty());
            agree += cell_of(expected, t) == expected;
        }
        INFO(expected << "; was " << cell_of(expected, t));
        CHECK(agree == 100);
    }
}

TEST_CASE("each change of the reported program gives the measured cell on real sockets and in real time") {
    for (row const& expected : table)
        for (int i = 0; i < 2; ++i)
            CHECK(cell_of(expected,
                      repro::run_live(reported(expected, 300, 700),
                          {.server_path = SERVER_UNDER_TEST, .partial_path = {}})) == expected);
}

TEST_CASE("a server that is not destroyed stops when the keep-alive of its idle connection ends") {
    repro::follow in_order{repro::schedule{}};
    traces::trace t;
    repro::simulator().run(
        reported({reactor_policy::no_destroy, serve_order::client_first, {}, {}, {}, {}}, 2000, 5000), in_order, t);
    CHECK(std::ranges::find(t.events, kind::loop_stop, &event::what)->t / traces::millisecond == 5001);
}
