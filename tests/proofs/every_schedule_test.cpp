// Proves that drained is clean: every schedule up to equivalence, with handlers and stops of every kind.
#include "repro/explore/explore.hpp"
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/worlds/words.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using repro::exploration;
using repro::scenario;

namespace {

std::atomic<bool> const nobody_asks = false;

exploration every_schedule(
    std::string const& name, std::vector<std::pair<std::string, std::string>> const& changes, std::uint64_t most) {
    scenario s = repro::load_scenario(name);
    for (auto const& [key, value] : changes) repro::set_field(s, key, value);
    repro::explore_options how;
    how.strategy = "exhaustive";
    how.executions = most;
    how.jobs = 1;
    return repro::explore(repro::with_open_acts(s), how, nobody_asks);
}

std::string first_of(exploration const& e) {
    return e.findings.empty()
        ? ""
        : "\n" + e.findings[0].rule + ": " + e.findings[0].message + "\n" + to_string(e.findings[0].shortest);
}

} // namespace

TEST_CASE("drained is clean under every schedule of two requests, one of every act and one that cleans up", "[proof]") {
    for (std::string_view const act : server::words<server::act>()) {
        std::string const two = R"([{"act":")" + std::string(act) + R"(","calls":["stop"]},{"act":"cleanup"}])";
        exploration const e = every_schedule("scope-disposal", {{"policy", "drained"}, {"handlers", two}}, 1'000'000);
        INFO(act << first_of(e));
        CHECK(e.verdict() == traces::verdict::clean);
        REQUIRE(e.guarantees().size() == 1);
        CHECK(e.guarantees()[0] ==
            "all " + repro::with_commas(e.executions) + " schedules of this scenario up to equivalence: no violation");
    }
}

TEST_CASE("the drained reactor is clean under every schedule of a connection, whatever its handler does and however it "
          "is stopped",
    "[proof]") {
    for (std::string_view const handler : server::words<server::reply>())
        for (std::string_view const what : server::words<server::stop_action>()) {
            exploration const e = every_schedule("lost-timer",
                {{"policy", "drained"}, {"handler", std::string(handler)}, {"what", std::string(what)},
                    {"timer_after", "300"}, {"grace", "1000"}},
                200'000);
            INFO(handler << " " << what << first_of(e));
            CHECK(e.verdict() == traces::verdict::clean);
            CHECK(e.stages.back().done.complete);
        }
}
