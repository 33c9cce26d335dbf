// What an exploration decides of the moments of stop and free, and what it keeps because the user named it.
#include <tuple>
#include "repro/scenario/moments.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;

namespace {

// The scenario of the first report, whose handler calls both, with stop and free at these points.
scenario with_points(std::string const& stop, std::string const& free) {
    scenario s = load_scenario("scope-disposal");
    set_field(s, "stop", stop, call_check::later);
    set_field(s, "free", free, call_check::later);
    return s;
}

} // namespace

TEST_CASE("an exploration decides the moments that the user did not name, and keeps those that the user named") {
    auto const [stop, free] = GENERATE(std::tuple{"server.ready#1", "server.stopped#1"},
        std::tuple{"server.ready#1,coroutine.suspend#2", "never"}, std::tuple{"never", "server.stopped#1"});
    bool const keeps_stop = GENERATE(true, false), keeps_free = GENERATE(true, false);
    scenario const s = with_points(stop, free);
    scenario const open = with_open_acts(s, {.stop = keeps_stop, .free = keeps_free});
    INFO(stop << " " << free << " " << keeps_stop << keeps_free);
    auto const expected = [](bool keeps, std::string const& said) { return keeps || said == "never" ? said : "any"; };
    CHECK(open.scoped().stop_at == expected(keeps_stop, stop));
    CHECK(open.scoped().free_at == expected(keeps_free, free));
}

TEST_CASE("the call of a handler stays possible beside every other moment") {
    scenario const s = load_scenario("scope-disposal");
    REQUIRE(uncalled_act(s).empty());
    CHECK(with_open_acts(s).scoped().stop_at == "handler,any");
}

TEST_CASE("a stop that is left to handlers of which none calls it is any moment, and kept it is uncalled") {
    scenario s = load_scenario("scope-disposal");
    for (auto& h : s.scoped().handlers) h.calls_stop = false;
    CHECK(uncalled_act(s) == "stop");
    CHECK(with_open_acts(s).scoped().stop_at == "any");
    CHECK(uncalled_act(with_open_acts(s, {.stop = true, .free = false})) == "stop");
}

TEST_CASE("of a reactor server the stop's moment is decided unless it is kept, and nothing else changes") {
    scenario const s = load_scenario("lost-finish");
    REQUIRE(s.reactor().when != server::stop_moment::any);
    CHECK(with_open_acts(s).reactor().when == server::stop_moment::any);
    CHECK(with_open_acts(s, {.stop = true, .free = false}).reactor().when == s.reactor().when);
    CHECK(to_json_text(with_open_acts(s, {.stop = true, .free = true})) == to_json_text(s));
}
