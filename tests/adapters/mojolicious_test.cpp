// The second report on the real Mojolicious with the adapter: the order of ready handles is chosen, and the outcome is
// the same every time. It records the same events as the bundled reactor server.
#include <map>
#include "repro/input/errors.hpp"
#include "repro/sim/execute.hpp"
#include "tests/adapters/programs.hpp"

using namespace shutdown_repro;
using programs::judged_by_name;
using programs::names;
using traces::kind;

namespace {

repro::program timer_program() { return repro::program_of(repro::load_target("mojolicious-timer")); }

bool no_mojolicious() { return programs::skipped("perl -MMojolicious -e 1", "libmojolicious-perl"); }

names const lost_both{"callback-after-destroy", "finish-event-lost", "stop-returned-early", "timer-lost"};
names const lost_timer{"timer-lost"};

} // namespace

namespace {

void expect_both_orders(int times) {
    if (no_mojolicious()) return;
    for (int i = 0; i < times; ++i) {
        auto const client = judged_by_name(repro::run_program(timer_program(), {.order = "client-first"}));
        INFO(client.messages);
        REQUIRE(client.errors == lost_both);
        auto const server = judged_by_name(repro::run_program(timer_program(), {.order = "server-first"}));
        INFO(server.messages);
        REQUIRE(server.errors == lost_timer);
        REQUIRE(server.warnings == names{});
    }
}

} // namespace

TEST_CASE("in the real Mojolicious the finish is lost whenever the client is served first, and the timer always") {
    expect_both_orders(3);
}

TEST_CASE("a hundred of a hundred: the real Mojolicious in both orders", "[.hundred]") { expect_both_orders(100); }

TEST_CASE("each order of the real Mojolicious' ready handles is run, and only the third of three decisions matters") {
    if (no_mojolicious()) return;
    std::map<std::string, names> found;
    bool const all =
        repro::run_each_order(timer_program(), 20, [&](repro::schedule const& taken, traces::trace const& t) {
            CHECK(taken.choices.size() == 3);
            CHECK(t.head.schedule == repro::to_string(taken));
            found[repro::to_string(taken)] = judged_by_name(t).errors;
            return true;
        });
    CHECK(all);
    CHECK(found.size() == 8);
    for (auto const& [taken, errors] : found) {
        INFO(taken);
        CHECK(errors == (taken.ends_with("2=1") ? lost_timer : lost_both));
    }
}

TEST_CASE("a decision that the real program does not offer makes its execution inconclusive") {
    if (no_mojolicious()) return;
    auto const j = judged_by_name(
        repro::run_program(timer_program(), {.order = {}, .decisions = repro::parse_schedule("0=1,2=1,7=1")}));
    INFO(j.messages);
    CHECK(j.messages.find("problem: decision 7 was not taken as scheduled") != std::string::npos);
}

TEST_CASE("the real Mojolicious is held at an event and told to stop there") {
    if (no_mojolicious()) return;
    traces::trace const t =
        repro::run_program(timer_program(), {.order = "server-first", .decisions = {}, .stop_at = "request.begin#1"});
    INFO(judged_by_name(t).messages);
    CHECK(t.problems.empty());
    for (std::size_t i = 1; i < t.events.size(); ++i) {
        if (t.events[i].what != kind::act_stop) continue;
        CHECK(t.events[i - 1].what == kind::request_begin);
        CHECK(t.events[i].by.type == traces::entity::control);
        return;
    }
    FAIL("it was never stopped");
}

TEST_CASE("the real Mojolicious is judged on the reactor that it has by default, too") {
    if (no_mojolicious() || programs::skipped("perl -MEV -e 1", "libev-perl")) return;
    traces::trace const t = repro::run_program(timer_program(), {});
    auto const j = judged_by_name(t);
    INFO(j.messages);
    CHECK(j.errors.contains("timer-lost"));
    CHECK(j.errors.contains("finish-event-lost") == j.errors.contains("callback-after-destroy"));
    CHECK(t.foot->exit_status == 0);
}

TEST_CASE("without a file to record to the adapter does nothing") {
    if (no_mojolicious()) return;
    std::string const adapter = std::string("env -u SHUTDOWN_REPRO_TRACE PERL5LIB=") + SOURCE_DIR +
        "/repro/adapters/perl PERL5OPT=-MShutdownRepro::Mojolicious ";
    CHECK(programs::works(
        adapter + "perl -e 'exit(exists $INC{\"Mojo/IOLoop.pm\"} || exists $INC{\"ShutdownRepro/Reactors.pm\"})'"));
}

TEST_CASE("a program that does not end is killed, and its trace is never clean") {
    if (no_mojolicious()) return;
    repro::program p = timer_program();
    p.files[0].second = "use Mojo::IOLoop; Mojo::IOLoop->recurring(1 => sub {}); Mojo::IOLoop->start;";
    p.within_ms = 1000;
    traces::trace const t = repro::run_program(p, {});
    CHECK(t.foot->note == "the program did not exit by itself: killed after 1000 ms");
    CHECK(judged_by_name(t).verdict != traces::verdict::clean);
}

TEST_CASE("a program that records nothing is inconclusive, with the reason") {
    repro::program const p{.name = "true", .command = {"true"}, .files = {}, .environment = {}, .adapter = "own"};
    auto const j = judged_by_name(repro::run_program(p, {}));
    CHECK(j.verdict == traces::verdict::inconclusive);
    CHECK(j.messages.find("check that its adapter is loaded") != std::string::npos);
}

TEST_CASE("an unknown order or adapter is refused, and the error lists the known ones") {
    repro::program p = {.name = "true", .command = {"true"}, .files = {}, .environment = {}, .adapter = "mojolicious"};
    CHECK_THROWS_WITH(
        repro::run_program(p, {.order = "clients"}), ContainsSubstring("must be client-first or server-first"));
    p.adapter = "ruby";
    CHECK_THROWS_WITH(repro::run_program(p, {}),
        ContainsSubstring("unknown adapter \"ruby\"; the adapters are asyncio, mojolicious, own"));
}

// --- parity ----------------------------------------------------------------------------------------------------------

namespace {

using life = std::vector<std::string>; // the events of one actor and who caused them, in order
using lives = std::map<std::string, life>;

// The numbers of streams and timers depend on the order in which they began, so they are named by owner and purpose
// instead.
class naming {
public:
    std::string operator()(traces::event const& e) {
        if (e.what == kind::stream_open) names_[e.id] = "stream of " + traces::to_string(e.parent);
        if (e.what == kind::timer_arm) names_[e.id] = "timers of " + std::string(e.text("what"));
        auto const known = names_.find(e.id);
        return known != names_.end() ? known->second : traces::to_string(e.id);
    }

private:
    std::map<traces::ref, std::string> names_;
};

// Events that only one of the two servers has, each with its reason. Their numbers are compared, so that no row is
// superfluous.
struct difference {
    char const* reason;
    int in_real, in_bundled; // how often each server records it
};
enum which { first_round, born_with_timeout, agents_end, hook, act_return, connect_timer, differences };
difference const listed[differences] = {
    {"the script asks before the loop runs, and the agent runs one round then; the bundled program asks in the first "
     "round of its loop",
        1, 0},
    {"a real stream is born with a timeout of 15 s, which server and agent replace at once", 4, 0},
    {"the script's agent is destroyed when the interpreter ends, and closes its idle connection; the bundled program "
     "just ends",
        4, 0},
    {"the bundled program listens for the end of its loop, the script does not", 0, 3},
    {"the script's stop is three calls, of which the first is the act; the bundled one is one act of three parts", 1,
        1},
    {"the real agent arms the timeout of its connect when it is asked, before the loop runs; the bundled one when it "
     "connects",
        1, 1},
};

struct seen {
    lives of;
    int found[differences] = {};
};

seen look_at(traces::trace const& t, bool real) {
    seen s;
    naming name;
    bool started = false, ended = false;
    std::set<traces::ref> short_lived;
    for (traces::event const& e : t.events) {
        std::string const who = name(e);
        if (e.id.type == traces::entity::process) continue; // recorded by the runner
        if (real && e.what == kind::timer_arm && e.integer("ms") == 15'000) short_lived.insert(e.id);
        std::string did = std::string(traces::name_of(e.what)) + " by " + traces::to_string(e.by);
        int listed_as = -1;
        if (real && !started && e.what == kind::loop_tick) listed_as = first_round;
        else if (short_lived.contains(e.id)) listed_as = born_with_timeout;
        else if (ended) listed_as = agents_end;
        else if (e.what == kind::hook_add || e.what == kind::hook_begin || e.what == kind::hook_end) listed_as = hook;
        else if (e.what == kind::act_return) listed_as = act_return;
        started = started || e.what == kind::loop_start;
        ended = ended || e.what == kind::loop_stop;
        if (e.what == kind::timer_arm && e.text("what") == "connect") {
            ++s.found[connect_timer];
            did = "timer.arm"; // whichever actor arms it
        }
        if (listed_as >= 0) ++s.found[listed_as];
        else s.of[who].push_back(did);
    }
    return s;
}

} // namespace

TEST_CASE("the bundled reactor and the real Mojolicious record the same, kind by kind for each actor, in both orders") {
    if (no_mojolicious()) return;
    for (auto const order : {server::serve_order::client_first, server::serve_order::server_first}) {
        bool const client_first = order == server::serve_order::client_first;
        INFO((client_first ? "client-first" : "server-first"));
        repro::scenario s = repro::load_scenario("lost-timer");
        s.reactor().order = order;
        repro::follow in_order{repro::schedule{}};
        traces::trace simulated;
        repro::simulator().run(s, in_order, simulated);
        seen const bundled = look_at(simulated, false);
        seen const real = look_at(
            repro::run_program(timer_program(), {.order = client_first ? "client-first" : "server-first"}), true);
        CHECK(real.of == bundled.of);
        CHECK(real.of.size() == (client_first ? 11 : 12)); // one keep-alive timer is armed only after the finish
        for (int d = 0; d < differences; ++d) {
            INFO(listed[d].reason);
            CHECK(real.found[d] == listed[d].in_real);
            CHECK(bundled.found[d] == listed[d].in_bundled);
        }
    }
}
