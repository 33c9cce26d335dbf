// What follows from the scopes' semantics beyond the measured cells of the sample (those are run by `conformance`): the
// statements of tests/data/trueasync.md, each on cells of its own.
#include <algorithm>
#include <map>
#include "repro/sim/execute.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using server::act;
using server::cell;
using server::owner;
using server::placement;
using server::sequence;
using traces::kind;

namespace {

traces::trace run_cell(cell const& c) {
    repro::scenario s;
    s.name = "cell";
    s.server = c;
    repro::follow in_order{repro::schedule{}};
    traces::trace t;
    repro::simulator().run(s, in_order, t);
    return t;
}

std::int64_t count_of(traces::trace const& t, kind k) {
    return std::count_if(t.events.begin(), t.events.end(), [&](auto const& e) { return e.what == k; });
}

// Returns the results by name, without coroutines that did not finish.
std::map<std::string, std::string> results(traces::trace const& t) {
    std::map<traces::ref, std::string> names;
    std::map<std::string, std::string> ends;
    for (auto const& e : t.events) {
        if (e.what == kind::coroutine_spawn) names[e.id] = e.text("name");
        if (e.what == kind::coroutine_finish) ends[names[e.id]] = e.text("result");
    }
    return ends;
}

// Returns the handlers that were not removed when the server was freed.
std::int64_t in_flight_at_free(traces::trace const& t) {
    std::map<traces::ref, bool> inside;
    for (auto const& e : t.events) {
        if (e.what == kind::coroutine_spawn && e.text("name")[0] == 'h') inside[e.id] = true;
        if (e.what == kind::coroutine_remove) inside.erase(e.id);
        if (e.what == kind::act_free) return static_cast<std::int64_t>(inside.size());
    }
    return -1;
}

bool aborted(traces::trace const& t) { return count_of(t, kind::assertion) + count_of(t, kind::scope_access) > 0; }

constexpr act in_flight_acts[] = {act::park, act::forever, act::throw_resume, act::throw_cancel, act::cleanup,
    act::spawn, act::spawn_on_cancel, act::hook_park};

} // namespace

TEST_CASE("the drain sequence never helps when a listener was given the owning reference") {
    for (act a : in_flight_acts)
        for (placement p : {placement::child, placement::direct})
            for (bool safe : {false, true}) {
                INFO(server::name_of(a) << " " << server::name_of(p) << " safe " << safe);
                CHECK(aborted(run_cell(
                    {.acts = {a, a}, .place = p, .safe = safe, .holds = owner::owns, .steps = sequence::fix_expire})));
            }
}

TEST_CASE("with the server as the only owner no cell aborts without a delayed disposal") {
    for (act a : in_flight_acts)
        for (placement p : {placement::child, placement::direct})
            for (bool safe : {false, true})
                for (sequence s :
                    {sequence::free, sequence::cancel_free, sequence::cancel_wait_free, sequence::wait_free,
                        sequence::late_free, sequence::fix_expire, sequence::fix_grace, sequence::fix_zero}) {
                    INFO(server::name_of(a)
                        << " " << server::name_of(p) << " safe " << safe << " " << server::name_of(s));
                    traces::trace const t = run_cell({.acts = {a, a}, .place = p, .safe = safe, .steps = s});
                    CHECK_FALSE(aborted(t));
                    CHECK(t.foot);
                }
}

TEST_CASE("awaiting the cancellation ends with the first handler, so a suspending clean-up is in flight at free") {
    for (act a : {act::cleanup, act::hook_park})
        for (placement p : {placement::child, placement::direct})
            CHECK(in_flight_at_free(run_cell({.acts = {act::park, a}, .place = p, .steps = sequence::fix_zero})) == 1);
    CHECK(in_flight_at_free(run_cell({.acts = {act::park, act::park}, .steps = sequence::fix_zero})) == 0);
}

TEST_CASE("an awaited error is absorbed, an error after the wait has ended shuts the runtime down") {
    CHECK(count_of(
              run_cell({.acts = {act::throw_cancel, act::park}, .steps = sequence::fix_expire}), kind::loop_stop) == 0);
    CHECK(count_of(
              run_cell({.acts = {act::park, act::throw_cancel}, .steps = sequence::fix_expire}), kind::loop_stop) == 1);
}

TEST_CASE("an ordinary error that is absorbed while draining makes the scope count as finished with handlers alive") {
    traces::trace const t = run_cell(
        {.acts = {act::throw_resume, act::cleanup}, .place = placement::direct, .steps = sequence::fix_expire});
    CHECK(in_flight_at_free(t) == 1);
    CHECK(results(t)["h2"] == "completed");
}

TEST_CASE("a handler that waits forever under a safe scope stalls the drain until the runtime shuts down") {
    traces::trace const t =
        run_cell({.acts = {act::forever, act::forever}, .safe = true, .steps = sequence::fix_expire});
    REQUIRE(count_of(t, kind::loop_stop) == 1);
    CHECK(std::find_if(t.events.begin(), t.events.end(), [](auto const& e) {
        return e.what == kind::loop_stop;
    })->text("why") == "stall");
    CHECK(t.foot);
}

TEST_CASE("work spawned into a cancelled scope is never cancelled, into a closed one it is refused") {
    CHECK(
        results(run_cell({.acts = {act::spawn_on_cancel}, .steps = sequence::cancel_wait_free}))["k1"] == "completed");
    traces::trace const closed =
        run_cell({.acts = {act::spawn_on_cancel}, .place = placement::direct, .steps = sequence::cancel_free});
    CHECK(count_of(closed, kind::scope_refuse) == 1);
    CHECK(results(closed).count("k1") == 0);
}

TEST_CASE("a completion hook keeps its finished coroutine in the scope, and cancelling it there does nothing") {
    traces::trace const t = run_cell({.acts = {act::hook_park}, .steps = sequence::cancel_free});
    traces::nanoseconds finished = -1, removed = -1;
    traces::ref h1;
    for (auto const& e : t.events) {
        if (e.what == kind::coroutine_hook) h1 = e.id;
        if (e.what == kind::coroutine_finish && finished < 0) finished = e.t;
        if (e.what == kind::coroutine_remove && e.id == h1) removed = e.t;
    }
    CHECK(removed - finished == 6'000'000); // 5+i ms
}

TEST_CASE("the reference of a delayed disposal is released when the scope becomes empty, and then once more") {
    for (placement p : {placement::child, placement::direct}) {
        traces::trace const freed =
            run_cell({.acts = {act::park, act::park}, .place = p, .steps = sequence::dat_cancel_wait_free});
        CHECK(count_of(freed, kind::scope_access) == 1);
        traces::trace const spawned =
            run_cell({.acts = {act::park, act::park}, .place = p, .steps = sequence::dat_cancel_wait_spawn});
        CHECK(count_of(spawned, kind::assertion) == 1);
    }
}

TEST_CASE("running a cell twice gives the same events") {
    for (act a : in_flight_acts) {
        traces::trace const one = run_cell({.acts = {a, a}, .steps = sequence::fix_expire}),
                            two = run_cell({.acts = {a, a}, .steps = sequence::fix_expire});
        REQUIRE(one.events.size() == two.events.size());
        for (std::size_t i = 0; i < one.events.size(); ++i)
            CHECK((one.events[i].what == two.events[i].what && one.events[i].id == two.events[i].id));
    }
}
