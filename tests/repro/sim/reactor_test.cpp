// Tests the reactor server in the simulated world: the loop, the streams and the lifetime of the server. The program
// `conformance` runs the measured cells.
#include <algorithm>
#include <functional>
#include <map>
#include "repro/sim/execute.hpp"
#include "server_under_test/reactor/daemon.hpp"
#include "server_under_test/worlds/sim_kernel.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using server::reactor;
using server::reactor_policy;
using server::reply;
using server::serve_order;
using server::stop_action;
using server::stop_moment;
using server::user_timer;
using traces::entity;
using traces::event;
using traces::kind;
using traces::millisecond;

namespace {

repro::scenario program(std::function<void(server::reactor_config&)> const& change = [](auto&) {}) {
    repro::scenario s;
    s.name = "reactor";
    s.server = server::reactor_config{};
    s.reactor().order = serve_order::client_first;
    change(s.reactor());
    return s;
}

traces::trace run(repro::scenario const& s, std::string_view schedule = "default") {
    repro::follow decide{repro::parse_schedule(schedule)};
    traces::trace t;
    repro::simulator().run(s, decide, t);
    return t;
}

std::size_t count(traces::trace const& t, kind k, std::string_view key = {}, std::string_view text = {}) {
    return static_cast<std::size_t>(std::ranges::count_if(
        t.events, [&](event const& e) { return e.what == k && (key.empty() || e.text(key) == text); }));
}

event const* first(traces::trace const& t, kind k, std::string_view key = {}, std::string_view text = {}) {
    auto const i = std::ranges::find_if(
        t.events, [&](event const& e) { return e.what == k && (key.empty() || e.text(key) == text); });
    return i == t.events.end() ? nullptr : &*i;
}

std::vector<std::string> labels(traces::trace const& t) {
    std::vector<std::string> all;
    for (event const& e : t.events)
        if (e.what == kind::decision) all.emplace_back(e.text("label"));
    return all;
}

std::string user_timer_of(traces::trace const& t) {
    return count(t, kind::timer_fire, "what", "user") ? "fires" : "lost";
}

// A loop without a server, with a kernel of its own.
struct bare_loop {
    traces::trace trace;
    traces::nanoseconds clock = 0;
    traces::recorder record{trace, clock};
    repro::follow decide{repro::schedule{}};
    server::sim_kernel kernel{record, clock, decide, 60'000 * millisecond};
    reactor loop{kernel, serve_order::client_first};
    std::vector<std::string> said;
    void say(std::string s) { said.push_back(std::move(s)); }
};

using strings = std::vector<std::string>;

} // namespace

// ---- the loop

TEST_CASE("a loop with nothing to watch ends") {
    bare_loop l;
    CHECK(l.loop.run());
    CHECK(first(l.trace, kind::loop_stopping)->text("why") == "nothing_to_watch");
}

TEST_CASE("due timers fire in the order of their deadlines, then of arming") {
    bare_loop l;
    l.loop.timer(2 * millisecond, "user", "late", [&] { l.say("late"); });
    l.loop.timer(1 * millisecond, "user", "first", [&] { l.say("first"); });
    l.loop.timer(1 * millisecond, "user", "second", [&] { l.say("second"); });
    l.loop.run();
    CHECK(l.said == strings{"first", "second", "late"});
}

TEST_CASE("a wait is rounded up to the next millisecond") {
    bare_loop l;
    l.loop.timer(300 * millisecond, "user", "U1", [] {});
    l.loop.run();
    CHECK(l.clock == 301 * millisecond);
}

TEST_CASE("calls queued by next_tick in the timer phase run in the next tick, in order") {
    bare_loop l;
    l.loop.timer(0, "user", "one", [&] {
        l.say("one");
        l.loop.next_tick([&] { l.say("queued"); });
        l.loop.next_tick([&] { l.say("queued second"); });
    });
    l.loop.timer(0, "user", "two", [&] { l.say("two"); });
    l.loop.run();
    CHECK(l.said == strings{"one", "two", "queued", "queued second"});
    CHECK(count(l.trace, kind::loop_tick) == 2);
}

TEST_CASE("calls queued by next_tick while the queue is served run in the same turn") {
    bare_loop l;
    l.loop.next_tick([&] {
        l.loop.next_tick([&] { l.say("inner"); });
        l.say("outer");
    });
    l.loop.timer(0, "user", "timer", [&] { l.say("timer"); });
    l.loop.run();
    CHECK(l.said == strings{"outer", "inner", "timer"});
}

TEST_CASE(
    "an error in a callback is recorded, ends only that callback, and skips the calls that next_tick queued after it") {
    bare_loop l;
    l.loop.next_tick([] { throw server::callback_error{"boom"}; });
    l.loop.next_tick([&] { l.say("stranded"); });
    l.loop.timer(0, "user", "timer", [&] { l.say("timer"); });
    l.loop.run();
    CHECK(l.said == strings{"timer"});
    CHECK(first(l.trace, kind::loop_error)->text("error") == "Timer failed: boom");
}

TEST_CASE("a one-shot timer is removed before its callback runs, a recurring one continues until it is removed") {
    bare_loop l;
    reactor::timer_id every = 0;
    int times = 0;
    every = l.loop.timer(
        10 * millisecond, "user", "U1",
        [&] {
            if (++times == 3) l.loop.remove_timer(every);
        },
        true);
    reactor::timer_id const once = l.loop.timer(1 * millisecond, "user", "once", [&] { l.loop.remove_timer(once); });
    l.loop.run();
    CHECK(times == 3);
    CHECK(count(l.trace, kind::timer_cancel) == 1); // the recurring one; the other was not there to be cancelled
}

TEST_CASE("stop does not end the tick early: due timers still fire") {
    bare_loop l;
    l.loop.timer(0, "user", "stops", [&] { l.loop.stop("explicit"); });
    l.loop.timer(0, "user", "due too", [&] { l.say("due too"); });
    l.loop.timer(5 * millisecond, "user", "later", [&] { l.say("later"); });
    l.loop.run();
    CHECK(l.said == strings{"due too"});
    CHECK(l.loop.user_timers_left() == 1);
}

TEST_CASE("a handle that is closed by one served before it is not served in that tick") {
    bare_loop l;
    std::uint16_t port = 0;
    std::string error;
    auto const listening = l.kernel.listen(port, error);
    auto const a = l.kernel.connect(port), b = l.kernel.connect(port);
    for (auto const h : {a, b}) {
        l.loop.io(h, {entity::client, 1}, "client", [&, h](bool) {
            l.say(h == a ? "a" : "b");
            l.loop.remove(a);
            l.loop.remove(b);
        });
    }
    l.loop.run();
    CHECK(l.said == strings{"a"});
    l.kernel.close(listening);
}

TEST_CASE("a program that never ends is killed at its cap") {
    auto const t = run(program([](auto& c) { c.timer = user_timer::recurring, c.what = stop_action::u; }));
    CHECK(t.foot->signal == "SIGKILL");
    CHECK(t.problems == strings{"the server never ended by itself: killed after 7000 ms"});
    CHECK(t.events.back().what == kind::process_exit);
    CHECK(t.events.back().t == 7000 * millisecond);
    CHECK(count(t, kind::loop_stop) == 0);
}

// ---- streams

TEST_CASE("the finish of a transaction comes one tick after its last byte was written") {
    auto const t = run(program([](auto& c) { c.when = stop_moment::timer, c.what = stop_action::g; }));
    std::vector<kind> order;
    for (event const& e : t.events)
        if (e.parent.type == entity::connection && (e.what == kind::stream_write || e.what == kind::request_finish))
            order.push_back(e.what);
        else if (e.what == kind::loop_tick) order.push_back(kind::loop_tick);
    auto const wrote = std::ranges::find(order, kind::stream_write),
               finished = std::ranges::find(order, kind::request_finish);
    CHECK(std::count(wrote, finished, kind::loop_tick) == 1);
}

TEST_CASE("a stream that only waits for its drain is writing: a graceful close waits for it") {
    auto const t = run(program());
    event const* const closing = first(t, kind::stream_close_gracefully);
    REQUIRE(closing);
    CHECK(closing->integer("writing") == 1);
    CHECK(first(t, kind::stream_close)->text("how") == "graceful_after_write");
    CHECK(first(t, kind::stream_close)->seq > first(t, kind::loop_error)->seq);
}

TEST_CASE("a connection that the server closed with unread bytes is reset, and its client sees a premature close") {
    auto const t =
        run(program([](auto& c) { c.connections = 2, c.when = stop_moment::handler, c.handler = reply::stream; }));
    CHECK(count(t, kind::request_open) == 1);
    CHECK(first(t, kind::client_fail)->id == traces::ref{entity::client, 2});
}

// ---- the lost finish

TEST_CASE("with client-first the finish of the transaction is lost and a callback enters a freed server") {
    auto const t = run(program());
    CHECK(count(t, kind::request_open) == 1);
    CHECK(count(t, kind::request_finish) == 0);
    event const* const error = first(t, kind::loop_error);
    REQUIRE(error);
    CHECK(error->text("error") == "I/O watcher failed: Can't call method \"_finish\" on an undefined value");
    CHECK(error->seq > first(t, kind::server_free)->seq);
    CHECK(user_timer_of(t) == "lost");
}

TEST_CASE("with server-first the transaction finishes, but the timer is lost") {
    auto const t = run(program([](auto& c) { c.order = serve_order::server_first; }));
    CHECK(count(t, kind::request_finish) == 1);
    CHECK(count(t, kind::loop_error) == 0);
    CHECK(user_timer_of(t) == "lost");
}

TEST_CASE("the error is caused by the callback without a server, the drain that called it, and the write that "
          "subscribed to it") {
    auto const t = run(program());
    event const* const error = first(t, kind::loop_error);
    REQUIRE(error->because.size() == 1);
    event const& entry = t.events[error->because[0]];
    CHECK(entry.what == kind::callback_enter);
    REQUIRE(entry.because.size() == 1);
    event const& drain = t.events[entry.because[0]];
    CHECK(drain.what == kind::stream_drain);
    CHECK(t.events[drain.because[0]].what == kind::stream_queue);
}

TEST_CASE("the third of three decisions alone decides whether the finish is lost") {
    for (bool const first_choice : {false, true})
        for (bool const second : {false, true})
            for (bool const third : {false, true}) {
                std::string schedule;
                for (auto const& [at, taken] : {std::pair{0, first_choice}, {1, second}, {2, third}})
                    if (taken) schedule += (schedule.empty() ? "" : ",") + std::to_string(at) + "=1";
                INFO(schedule);
                auto const t =
                    run(program([](auto& c) { c.order = serve_order::any; }), schedule.empty() ? "default" : schedule);
                CHECK(t.head.schedule == (schedule.empty() ? "default" : schedule));
                CHECK(labels(t).size() == 3);
                CHECK(count(t, kind::request_finish) == (third ? 1 : 0));
                CHECK(count(t, kind::loop_error) == (third ? 0 : 1));
            }
}

TEST_CASE("a decision names the ready handles and the one served first") {
    auto const t = run(program([](auto& c) { c.order = serve_order::any; }));
    CHECK(labels(t) ==
        strings{
            "tick 2: ready = listener read, client connection:1 write; served listener read first",
            "tick 3: ready = client connection:1 write, server connection:1 write; served client connection:1 write "
            "first",
            "tick 6: ready = client connection:1 read, server connection:1 write; served client connection:1 read "
            "first",
        });
}

TEST_CASE("the default decisions are those of client-first") {
    auto const free = run(program([](auto&c) { c.order = serve_order::any; })), set = run(program());
    std::vector<kind> a, b;
    for (event const& e : free.events)
        if (e.what != kind::decision) a.push_back(e.what);
    for (event const& e : set.events) b.push_back(e.what);
    CHECK(a == b);
}

// ---- the server's lifetime

TEST_CASE(
    "inside the destructor the weak references resolve: a connection that closes there finishes its transaction") {
    auto const t =
        run(program([](auto& c) { c.handler = reply::never, c.when = stop_moment::timer, c.what = stop_action::u; }));
    event const *begun = first(t, kind::server_destroy), *finish = first(t, kind::request_finish),
                *gone = first(t, kind::server_free);
    REQUIRE((begun && finish && gone));
    CHECK((begun->seq < finish->seq && finish->seq < gone->seq));
    CHECK(finish->text("result") == "dropped");
}

TEST_CASE("a server that is dropped inside its handler is destroyed when its outermost method returns") {
    auto const t = run(program([](auto& c) { c.when = stop_moment::handler, c.what = stop_action::u; }));
    event const *dropped = first(t, kind::act_free), *returned = first(t, kind::act_return),
                *responded = first(t, kind::request_respond), *destroyed = first(t, kind::server_destroy);
    REQUIRE((dropped && returned && responded && destroyed));
    CHECK((dropped->seq < returned->seq && returned->seq < responded->seq && responded->seq < destroyed->seq));
}

TEST_CASE("a server that is dropped by a failing handler is destroyed before the error is recorded") {
    auto const t = run(program(
        [](auto& c) { c.when = stop_moment::handler, c.what = stop_action::gsu, c.handler = reply::throw_raw; }));
    CHECK(first(t, kind::server_free)->seq < first(t, kind::loop_error)->seq);
    CHECK(first(t, kind::loop_error)->text("error") == "I/O watcher failed: boom");
    CHECK(count(t, kind::request_finish) == 1);
}

TEST_CASE("an answer after the server was freed is an error of the timer") {
    auto const t =
        run(program([](auto& c) { c.handler = reply::delay, c.when = stop_moment::timer, c.what = stop_action::u; }));
    CHECK(first(t, kind::loop_error)->text("error") ==
        "Timer failed: Can't call method \"_write\" on an undefined value");
    auto const weak = run(
        program([](auto& c) { c.handler = reply::delay_weak, c.when = stop_moment::timer, c.what = stop_action::u; }));
    CHECK(first(weak, kind::loop_error)->text("error") == "Timer failed: Transaction already destroyed");
}

TEST_CASE("a response that the end of the server cuts short is partial for its client") {
    auto const t = run(
        program([](auto& c) { c.handler = reply::stream, c.when = stop_moment::handler, c.what = stop_action::u; }));
    event const* const failed = first(t, kind::client_fail);
    REQUIRE(failed);
    CHECK(failed->text("how") == "truncated");
    CHECK(failed->integer("status") == 200);
    CHECK(failed->integer("body") == 4);
}

TEST_CASE("a transaction finishes at most once and never after its server was freed, however it is stopped") {
    repro::simulator sim;
    traces::trace t;
    auto const all = [](auto e) { return server::words<decltype(e)>().size(); };
    for (std::size_t handler = 0; handler < all(reply{}); ++handler)
        for (std::size_t when = 0; when < all(stop_moment{}); ++when)
            for (std::size_t what = 0; what < all(stop_action{}); ++what)
                for (bool const close : {false, true})
                    for (char const* const schedule :
                        {"default", "0=2,1=1,2=1,3=1,4=3,5=2,6=1,9=1", "2=3,4=2,6=1,7=1,8=3,9=2,10=1,11=1,13=1,15=1"}) {
                        auto const s = program([&](auto& c) {
                            c.connections = 2, c.close = close, c.handler = static_cast<reply>(handler),
                            c.order = serve_order::any;
                            c.when = static_cast<stop_moment>(when), c.what = static_cast<stop_action>(what);
                        });
                        INFO(repro::to_json_text(s) << " " << schedule);
                        repro::follow decide{repro::parse_schedule(schedule)};
                        sim.run(s, decide, t);
                        std::map<traces::ref, int> finished, freed;
                        bool gone = false, good = true;
                        for (event const& e : t.events) {
                            if (e.what == kind::server_free) gone = true;
                            if (e.what == kind::request_finish) good &= ++finished[e.id] == 1 && !gone;
                            if (e.what == kind::request_free) good &= ++freed[e.id] == 1;
                        }
                        CHECK(good);
                        CHECK(t.foot->exit_status == 0);
                        CHECK(count(t, kind::loop_stop) == 1);
                    }
}

// ---- policies

TEST_CASE("a transaction that finishes with its last byte is not lost in either order") {
    for (auto const order : {serve_order::client_first, serve_order::server_first})
        for (bool const close : {false, true}) {
            auto const t = run(
                program([&](auto& c) { c.policy = reactor_policy::eager_drain, c.order = order, c.close = close; }));
            CHECK(count(t, kind::request_finish) == 1);
            CHECK(count(t, kind::loop_error) == 0);
        }
}

// ---- stopped by a signal

TEST_CASE("a graceful stop by signal waits for the slow request, which is answered") {
    auto const t = run(repro::load_scenario("quit-slow-request"));
    event const *sent = first(t, kind::process_signal), *stop = first(t, kind::act_stop),
                *responds = first(t, kind::request_respond);
    REQUIRE((sent && stop && responds));
    CHECK(sent->text("signal") == "SIGQUIT");
    CHECK(t.events[sent->because[0]].what == kind::request_begin);
    CHECK((sent->seq < stop->seq && stop->seq < responds->seq));
    CHECK(stop->by == traces::ref{entity::control, 1});
    CHECK(first(t, kind::client_done)->integer("status") == 200);
    CHECK(count(t, kind::request_finish) == 1);
}

TEST_CASE("a graceful stop by signal over an idle connection ends with its keep-alive, and the timer fires meanwhile") {
    auto const t = run(repro::load_scenario("quit-idle-connection"));
    CHECK(user_timer_of(t) == "fires");
    CHECK(first(t, kind::loop_stopping)->text("cause") == "timeout");
    CHECK(first(t, kind::loop_stop)->t / millisecond == 5001);
}

TEST_CASE("a graceful stop by signal over Connection: close ends with the response, and the timer is lost") {
    auto const t = run(repro::load_scenario("quit-connection-close"));
    CHECK(count(t, kind::client_done) == 1);
    CHECK(count(t, kind::request_finish) == 1);
    CHECK(first(t, kind::loop_stopping)->text("cause") == "server_finished");
    CHECK(user_timer_of(t) == "lost");
}

TEST_CASE(
    "SIGTERM ends the loop at once, then the server is freed, finishes open requests without an answer, and closes") {
    repro::scenario s = repro::load_scenario("quit-slow-request");
    repro::set_field(s, "what", "stop");
    auto const t = run(s);
    CHECK(first(t, kind::process_signal)->text("signal") == "SIGTERM");
    CHECK(first(t, kind::loop_stopping)->text("why") == "explicit");
    CHECK(count(t, kind::request_respond) == 0);
    event const *over = first(t, kind::loop_stop), *destroyed = first(t, kind::server_destroy),
                *finish = first(t, kind::request_finish);
    REQUIRE((over && destroyed && finish));
    CHECK((over->seq < destroyed->seq && destroyed->seq < finish->seq));
    CHECK(first(t, kind::stream_close)->text("how") == "server_destroyed");
}

TEST_CASE("a signal is sent at each of its points, and stopping twice is stopping once") {
    repro::scenario s = repro::load_scenario("quit-slow-request");
    repro::set_field(s, "signal_at", "request.begin#1,request.finish#1");
    auto const t = run(s);
    CHECK(count(t, kind::process_signal) == 2);
    CHECK(count(t, kind::loop_finish) == 1);
    CHECK(count(t, kind::request_finish) == 1);
}

TEST_CASE(
    "a signal before the first connection ends the loop at once, and without a signal the loop is never stopped") {
    repro::scenario s = repro::load_scenario("quit-slow-request");
    repro::set_field(s, "signal_at", "server.ready#1");
    CHECK(first(run(s), kind::loop_stopping)->text("why") == "no_incoming");
    repro::set_field(s, "signal_at", "never");
    CHECK(count(run(s), kind::act_stop) == 0);
}

TEST_CASE("a server that is dropped by its signal handler is freed once") {
    repro::scenario s = repro::load_scenario("quit-slow-request");
    repro::set_field(s, "what", "gsu");
    auto const t = run(s);
    CHECK(count(t, kind::act_free) == 1);
    CHECK(count(t, kind::server_destroy) == 1);
}

TEST_CASE("a stop without a signal, and an invalid stop point, are refused with the expected form") {
    repro::scenario s = repro::load_scenario("quit-slow-request");
    CHECK_THROWS_WITH(repro::set_field(s, "what", "u"), ContainsSubstring("can't be requested by a signal"));
    CHECK_THROWS_WITH(repro::set_field(s, "signal_at", "request.begun#1"), ContainsSubstring("request.begin"));
    CHECK_THROWS_WITH(repro::set_field(s, "signal_at", "any"), ContainsSubstring("must be stop points"));
    CHECK_THROWS_WITH(repro::set_field(s, "signal_at", "handler"),
        ContainsSubstring("must be stop points, such as \"request.begin#1\""));
}

// ---- the document

TEST_CASE("a reactor scenario is written and read back") {
    auto const s = program([](auto& c) {
        c.policy = reactor_policy::eager_drain, c.connections = 3, c.close = true, c.handler = reply::throw_late,
        c.timer = user_timer::stopcb;
        c.when = stop_moment::cbN, c.what = stop_action::gsn, c.order = serve_order::server_first,
        c.keep_alive_ms = 5000;
    });
    std::string const text = repro::to_json_text(s);
    CHECK(repro::to_json_text(repro::scenario_from_text(text, "x.json")) == text);
}

TEST_CASE("the same reactor scenario under the same schedule has the same trace") {
    auto const s = program([](auto& c) { c.order = serve_order::any, c.connections = 3; });
    repro::simulator sim;
    traces::trace a, b;
    for (traces::trace* t : {&a, &b}) {
        repro::follow decide{repro::parse_schedule("2=1,5=2")};
        sim.run(s, decide, *t);
    }
    REQUIRE(a.events.size() == b.events.size());
    for (std::size_t i = 0; i < a.events.size(); ++i) {
        CHECK(a.events[i].what == b.events[i].what);
        CHECK(a.events[i].id == b.events[i].id);
        CHECK(a.events[i].t == b.events[i].t);
    }
}
