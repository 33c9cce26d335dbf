// Proves for the reactor's policy "drained": whatever the program does and however it is stopped, in every order no
// request is lost and the stop is bounded. The tests check that once more without the rules, and by the rules as well.
#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include "repro/explore/random.hpp"
#include "repro/schedule/all_orders.hpp"
#include "repro/sim/execute.hpp"
#include "server_under_test/http/http.hpp"
#include "server_under_test/reactor/daemon.hpp"
#include "server_under_test/worlds/sim_kernel.hpp"
#include "server_under_test/worlds/words.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using server::reactor_config;
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

constexpr std::int64_t flush_patience_ms = 1000;

template <class enumeration> std::vector<enumeration> every() {
    std::vector<enumeration> all;
    for (std::size_t i = 0; i < server::words<enumeration>().size(); ++i) all.push_back(static_cast<enumeration>(i));
    return all;
}

repro::scenario drained(std::function<void(reactor_config&)> const& change = [](auto&) {}) {
    repro::scenario s;
    s.name = "drained";
    s.server = server::reactor_config{};
    s.reactor().policy = reactor_policy::drained;
    change(s.reactor());
    return s;
}

// Orders drawn by a seed.
struct random_orders final : server::decision_source {
    repro::random_numbers draw;
    explicit random_orders(std::uint32_t seed) : draw(seed, 0) {}
    std::uint32_t choose(std::span<server::alternative const> offered) override {
        return draw.below(static_cast<std::uint32_t>(offered.size()));
    }
};

bool of_application(event const& e) {
    return e.text("what") == "user" || e.text("what") == "handler" || e.text("what") == "stop";
}

// Returns what a drained stop did wrong, or "".
std::string fault(traces::trace const& t, repro::scenario const& s) {
    std::map<traces::ref, int> finishes;
    std::map<traces::ref, bool> timers; // one-shot ones of the application: are they still armed?
    traces::nanoseconds stopped = -1;
    bool freed = false;
    for (event const& e : t.events) {
        std::string const at = " at #" + std::to_string(e.seq);
        bool const by_server = e.id.type == entity::server || e.by.type == entity::server;
        if (freed && by_server) return "the server acts after it was freed" + at;
        switch (e.what) {
        case kind::act_stop: stopped = e.t; break;
        case kind::request_open: finishes[e.id]; break;
        case kind::request_finish:
            if (++finishes[e.id] > 1) return "a second finish" + at;
            break;
        case kind::timer_arm:
            if (of_application(e) && !e.integer("recurring")) timers[e.id] = true;
            break;
        case kind::timer_fire: timers[e.id] = false; break;
        case kind::timer_cancel:
            if (timers[e.id] && e.text("reason") != "grace is over")
                return "a timer is cancelled and nobody says why" + at;
            timers[e.id] = false;
            break;
        case kind::loop_error: return "an error reaches the loop" + at;
        case kind::client_fail:
            if (e.text("how") != "timeout" || s.reactor().handler != reply::never)
                return "a client is not answered" + at;
            break;
        case kind::server_destroy:
            if (e.integer("connections")) return "the server is destroyed over its connections" + at;
            break;
        case kind::server_free: freed = true; break;
        case kind::loop_stop:
            if (e.integer("in") || e.integer("out") || e.integer("timers"))
                return "the loop leaves something behind" + at;
            break;
        default: break;
        }
    }
    for (auto const& [who, count] : finishes)
        if (count != 1) return to_string(who) + " never finishes";
    for (auto const& [who, armed] : timers)
        if (armed) return to_string(who) + " is lost";
    if (stopped < 0) return "nobody stopped it";
    if (!t.foot || !t.foot->signal.empty()) return "it had to be killed";
    if (t.events.back().t - stopped > (s.reactor().grace_ms + flush_patience_ms + 2) * millisecond)
        return "the stop is not bounded";
    bool const drops = s.reactor().when == stop_moment::signal || // when the loop has returned
        std::ranges::count(
            std::array{stop_action::gsu, stop_action::gsn, stop_action::u, stop_action::un}, s.reactor().what) > 0;
    if (freed != drops)
        return freed ? "the server is freed and nobody dropped it" : "the dropped server is never freed";
    return {};
}

// Runs it and judges it by this test and by the rules. A failure fails a check and returns false.
bool clean(repro::scenario const& s, server::decision_source& orders, traces::trace& t) {
    static repro::simulator sim;
    static traces::rule_run rules;
    rules.reset();
    sim.run(s, orders, t, &rules);
    rules.finish(t.foot && t.problems.empty());
    std::string found = fault(t, s);
    for (traces::violation const& v : rules.violations())
        if (v.level != traces::severity::note) found += " " + std::string(v.rule) + ": " + v.message;
    if (found.empty()) return true; // hundreds of thousands are
    INFO(repro::to_json_text(s) << "\nschedule " << t.head.schedule);
    CHECK(found == "");
    return false;
}

// Runs every order, up to a maximum, and returns their number.
std::size_t clean_in_every_order(repro::scenario const& s, std::size_t most = 100'000) {
    repro::all_orders orders;
    traces::trace t;
    std::size_t n = 0;
    bool more = true;
    for (; more && n < most; ++n, more = orders.next())
        if (!clean(s, orders, t)) return n;
    CHECK_FALSE(more);
    return n;
}

// Each cell of the measured language. The grace period alternates between one that suffices, one that expires, and
// none.
template <class visitor> void each_cell(std::uint32_t connections, visitor const& visit) {
    constexpr std::int64_t graces[] = {5000, 60, 1};
    std::size_t turn = 0;
    for (reply const handler : every<reply>())
        for (user_timer const timer : every<user_timer>())
            for (stop_moment const when : every<stop_moment>())
                for (stop_action const what : every<stop_action>())
                    for (bool const close : {false, true}) {
                        if (when == stop_moment::any) continue; // every_schedule_test.cpp
                        visit(drained([&](auto& c) {
                            c.connections = connections, c.close = close, c.handler = handler, c.timer = timer,
                            c.when = when, c.what = what;
                            c.grace_ms = graces[turn++ % 3];
                        }));
                    }
}

std::vector<std::int64_t> statuses(traces::trace const& t) {
    std::vector<std::int64_t> all;
    for (event const& e : t.events)
        if (e.what == kind::client_done) all.push_back(e.integer("status"));
    return all;
}

traces::trace run(repro::scenario const& s) {
    repro::follow in_order{repro::schedule{}};
    traces::trace t;
    clean(s, in_order, t);
    return t;
}

event const* first(traces::trace const& t, kind k, std::string_view key = {}, std::string_view text = {}) {
    auto const i = std::ranges::find_if(
        t.events, [&](event const& e) { return e.what == k && (key.empty() || e.text(key) == text); });
    return i == t.events.end() ? nullptr : &*i;
}

std::int64_t ms_from_stop(traces::trace const& t) {
    return (t.events.back().t - first(t, kind::act_stop)->t) / millisecond;
}

} // namespace

// ---- every order

TEST_CASE("drained is clean in every order of the report's programs", "[proof]") {
    for (char const* name :
        {"lost-finish", "lost-timer", "quit-slow-request", "quit-idle-connection", "quit-connection-close"})
        for (bool const close : {false, true})
            for (std::uint32_t const connections : {1u, 2u}) {
                if (connections == 2 && name != std::string("lost-timer")) continue; // some ten thousand orders
                repro::scenario s = repro::load_scenario(name);
                s.reactor().policy = reactor_policy::drained;
                s.reactor().close = close;
                s.reactor().connections = connections;
                INFO(name << ", " << connections << " connections");
                CHECK(clean_in_every_order(s) >= (connections == 1 ? 4 : 1000));
            }
}

TEST_CASE("drained is clean in every order of every cell with one connection", "[proof]") {
    std::size_t cells = 0, orders = 0;
    each_cell(1, [&](repro::scenario const& s) { ++cells, orders += clean_in_every_order(s); });
    CHECK(cells == 10 * 4 * 6 * 7 * 2);
    CHECK(orders > 4 * cells);
}

TEST_CASE("drained is clean in orders drawn at random of every cell with 2 to 8 connections", "[proof]") {
    traces::trace t;
    for (std::uint32_t connections = 2; connections <= 8; ++connections)
        each_cell(connections, [&](repro::scenario const& s) {
            random_orders orders(connections);
            clean(s, orders, t);
        });
}

TEST_CASE("drained is clean with a grace period of 0", "[proof]") {
    traces::trace t;
    each_cell(3, [&](repro::scenario s) {
        s.reactor().grace_ms = 0;
        random_orders orders(3);
        clean(s, orders, t);
    });
}

// ---- behavior

TEST_CASE("drained finishes the report's transaction in both orders, and the timer fires") {
    for (auto const order : {serve_order::client_first, serve_order::server_first}) {
        repro::scenario s = repro::load_scenario("lost-timer");
        s.reactor().policy = reactor_policy::drained;
        s.reactor().order = order;
        auto const t = run(s);
        CHECK(first(t, kind::request_finish)->text("result") == "answered");
        CHECK(first(t, kind::timer_fire, "what", "user"));
        CHECK(first(t, kind::loop_stopping)->text("why") == "drained");
        CHECK(t.events.back().t / millisecond == 2001); // at the timer, not at the end of any timeout
    }
}

TEST_CASE("drained closes an idle connection at once and waits for nothing else") {
    auto const t =
        run(drained([](auto& c) { c.when = stop_moment::timer, c.what = stop_action::g, c.timer = user_timer::none; }));
    CHECK(first(t, kind::stream_close)->text("how") == "idle");
    CHECK(first(t, kind::stream_close)->t == first(t, kind::act_stop)->t);
    CHECK(ms_from_stop(t) == 0);
}

TEST_CASE("a recurring timer does not delay a drain, and its cancellation is recorded") {
    auto const t = run(drained([](auto& c) { c.timer = user_timer::recurring; }));
    CHECK(ms_from_stop(t) == 0);
    CHECK(first(t, kind::timer_cancel, "reason", "drained"));
}

TEST_CASE("a drained stop waits for slow handlers, and each response announces that it is the last") {
    for (reply const handler : {reply::delay, reply::delay_weak}) {
        auto const t = run(drained([&](auto& c) {
            c.connections = 3, c.handler = handler, c.when = stop_moment::timer, c.timer = user_timer::none;
        }));
        CHECK(statuses(t) == std::vector<std::int64_t>{200, 200, 200});
        for (event const& e : t.events)
            if (e.what == kind::request_respond) CHECK(e.integer("close") == 1);
    }
    auto const before = run(drained([&](auto& c) { c.when = stop_moment::cb1; }));
    CHECK(first(before, kind::request_respond)->integer("close") == 0);
}

TEST_CASE("drained serves requests that arrived before the stop but were not read yet") {
    for (stop_action const what : every<stop_action>()) {
        auto const t = run(drained([&](auto& c) {
            c.connections = 3, c.when = stop_moment::handler, c.what = what, c.order = serve_order::client_first;
        }));
        CHECK(statuses(t) == std::vector<std::int64_t>{200, 200, 200});
    }
}

TEST_CASE("under drained a failing handler gives its own client a 500, and the request finishes") {
    for (reply const handler : {reply::throws, reply::throw_raw, reply::throw_late})
        for (stop_moment const when : every<stop_moment>()) {
            if (when == stop_moment::any) continue;
            auto const t = run(drained([&](auto& c) { c.connections = 2, c.handler = handler, c.when = when; }));
            CHECK(statuses(t) == std::vector<std::int64_t>{500, 500});
            CHECK(first(t, kind::request_finish)->text("result") == "answered");
        }
}

TEST_CASE("a request that is not answered within the grace period is canceled with 503, and its finish says so") {
    auto const t = run(drained([](auto& c) {
        c.handler = reply::never, c.when = stop_moment::timer, c.timer = user_timer::none, c.grace_ms = 300;
    }));
    CHECK(statuses(t) == std::vector<std::int64_t>{503});
    CHECK(first(t, kind::request_finish)->text("result") == "cancelled");
    CHECK(ms_from_stop(t) == 301);
}

TEST_CASE("a timer due after the grace period is canceled with the reason, one due within it fires") {
    for (auto const& [grace, fires] : {std::pair{100, false}, {5000, true}}) {
        auto const t = run(drained([&](auto& c) { c.timer = user_timer::stopcb, c.grace_ms = grace; }));
        CHECK((first(t, kind::timer_fire, "what", "user") != nullptr) == fires);
        CHECK((first(t, kind::timer_cancel, "reason", "grace is over") != nullptr) == !fires);
        CHECK(ms_from_stop(t) == (fires ? 301 : 101));
    }
}

TEST_CASE("a running handler is not inactivity: under drained it may exceed the server's timeout") {
    auto const t =
        run(drained([](auto& c) { c.handler = reply::delay, c.inactivity_ms = 20, c.timer = user_timer::none; }));
    CHECK(statuses(t) == std::vector<std::int64_t>{200});
}

TEST_CASE("dropping the server stops the drained program even if a timer recurs forever") {
    for (stop_action const what : {stop_action::u, stop_action::un}) {
        auto const t = run(drained([&](auto& c) { c.what = what, c.timer = user_timer::recurring; }));
        CHECK(ms_from_stop(t) == 0);
        CHECK(first(t, kind::server_free));
    }
}

namespace {

// A server in a loop of its own, whose clients are sockets of the test.
struct bare_server final : server::application {
    traces::trace trace;
    traces::nanoseconds clock = 0;
    traces::recorder record{trace, clock};
    repro::follow decide{repro::schedule{}};
    server::sim_kernel kernel{record, clock, decide, 60'000 * millisecond};
    server::reactor reactor{kernel, serve_order::client_first};
    server::io_loop loop{reactor, 5000 * millisecond};
    reactor_config config;
    std::optional<server::daemon> daemon;
    std::function<void(server::transaction&)> does = [](server::transaction& tx) {
        std::string bytes;
        server::http::write_response(bytes, 200, !tx.keep_alive());
        tx.respond(200, bytes);
    };

    bare_server() {
        config.policy = reactor_policy::drained;
        std::string error;
        daemon.emplace(loop, config, *this).start(error);
    }
    ~bare_server() override {
        record.mute();
        daemon->abandon();
    }
    void handle(std::shared_ptr<server::transaction> const& tx) override { does(*tx); }
    void finished(server::transaction&) override {}
    server::descriptor client(std::string_view bytes) {
        auto const h = kernel.connect(daemon->port());
        if (h != server::no_descriptor) kernel.write(h, bytes);
        return h;
    }
    std::string received(server::descriptor h) {
        std::string bytes(10'000, '\0');
        auto const r = kernel.read(h, bytes);
        return r.status == server::io::ok ? bytes.substr(0, r.bytes) : "";
    }
    void at(std::int64_t ms, std::function<void()> f) {
        reactor.timer(ms * millisecond, "test", "the test", std::move(f));
    }
};

constexpr char const* a_request = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n";

} // namespace

TEST_CASE("clients in the backlog at the stop are served, and later clients are refused") {
    bare_server s;
    server::descriptor waiting = server::no_descriptor, late = 0;
    s.at(10, [&] {
        waiting = s.client(a_request);
        s.loop.stop();
        late = s.client(a_request);
    });
    CHECK(s.reactor.run());
    CHECK_THAT(s.received(waiting), ContainsSubstring("200 OK") && ContainsSubstring("Connection: close"));
    CHECK(late == server::no_descriptor);
}

TEST_CASE("a client that stays silent, or never ends its request, delays a drain only until the server's timeout and "
          "the grace period") {
    bare_server s;
    server::descriptor const silent = s.client(""), half = s.client("GET /1 HTTP/1.1\r\n");
    s.config.inactivity_ms = 50'000;
    s.at(10, [&] { s.loop.stop_gracefully(); });
    CHECK(s.reactor.run());
    CHECK(s.clock / millisecond == 5012); // the request that began is owed an answer: the grace's
    CHECK(s.received(silent) == "");
    CHECK_THAT(s.received(half), ContainsSubstring("503 Service Unavailable"));
    CHECK(first(s.trace, kind::request_finish)->text("result") == "cancelled");
}

TEST_CASE("when a handler fails in the middle of its response, the connection is closed and the request finishes") {
    bare_server s;
    s.does = [](server::transaction& tx) {
        std::string bytes;
        server::http::write_chunked_head(bytes, 200, false);
        tx.respond(200, bytes, [] { throw server::callback_error{"boom"}; });
    };
    s.client(a_request);
    s.at(10, [&] { s.loop.stop(); });
    CHECK(s.reactor.run());
    CHECK(first(s.trace, kind::stream_close)->text("how") == "handler_failed");
    CHECK(first(s.trace, kind::request_finish)->text("result") == "dropped");
    CHECK_FALSE(first(s.trace, kind::loop_error));
}

TEST_CASE(
    "a response whose handler never continues is cut off a second after the grace period, and its finish says so") {
    bare_server s;
    s.does = [](server::transaction& tx) {
        std::string bytes;
        server::http::write_chunked_head(bytes, 200, false);
        tx.respond(200, bytes, [] {});
    };
    s.client(a_request);
    s.at(10, [&] { s.loop.stop(); });
    CHECK(s.reactor.run());
    CHECK(s.clock / millisecond == 6013);
    CHECK(first(s.trace, kind::stream_close)->text("how") == "grace_over");
    CHECK(first(s.trace, kind::request_finish)->text("result") == "cancelled");
}

TEST_CASE("the answer of a canceled handler is ignored") {
    traces::trace t;
    traces::nanoseconds clock = 0;
    traces::recorder record(t, clock);
    server::transaction tx(record, {entity::connection, 1});
    CHECK(tx.read(a_request));
    CHECK(tx.cancel("503"));
    tx.respond(200, "late");
    CHECK(tx.take() == "503");
    CHECK(tx.take() == "");
    tx.finish();
    CHECK(first(t, kind::request_finish)->text("result") == "cancelled");
}

TEST_CASE("a program that arms a new timer in each timer ends after the grace period, too") {
    bare_server s;
    std::function<void()> again;
    again = [&] { s.reactor.timer(millisecond, "user", "again", [&] { again(); }); };
    s.at(10, [&] {
        again();
        s.loop.stop();
    });
    CHECK(s.reactor.run());
    CHECK(s.clock / millisecond <= 5013);
}

// ---- all orders

TEST_CASE("the number of orders is the product of the choices, and each order is run once") {
    repro::all_orders orders;
    std::vector<std::string> seen;
    do {
        std::string taken = std::to_string(orders.choose(std::array<server::alternative, 2>{}));
        if (taken == "1") taken += std::to_string(orders.choose(std::array<server::alternative, 3>{}));
        seen.push_back(taken);
    } while (orders.next());
    CHECK(seen == std::vector<std::string>{"0", "10", "11", "12"});
}

TEST_CASE("of the three decisions of lost-finish only the third matters, as in the real program") {
    repro::scenario const s = repro::load_scenario("lost-finish");
    repro::all_orders orders;
    repro::simulator sim;
    traces::trace t;
    std::map<std::string, bool> lost; // by the choices
    do {
        sim.run(s, orders, t);
        std::string taken;
        for (event const& e : t.events) {
            if (e.what != kind::decision) continue;
            taken += std::to_string(e.integer("choice"));
            if (taken.size() == 3)
                CHECK_THAT(std::string(e.text("label")),
                    ContainsSubstring("ready = client connection:1 read, server connection:1 write; served "));
        }
        lost[taken] = !first(t, kind::request_finish);
    } while (orders.next());
    CHECK(lost ==
        std::map<std::string, bool>{{"000", true}, {"001", false}, {"010", true}, {"011", false}, {"100", true},
            {"101", false}, {"110", true}, {"111", false}});
}
