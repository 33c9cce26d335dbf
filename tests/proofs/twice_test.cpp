// Proves determinism: a schedule gives the same bytes each time.
#include "repro/explore/explore.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;

namespace {

#ifdef SHUTDOWN_REPRO_NO_POOL // sanitizers: ten times slower
constexpr std::uint64_t schedules = 100;
#else
constexpr std::uint64_t schedules = 10'000;
#endif

std::atomic<bool> const never_interrupted = false;

} // namespace

TEST_CASE("random schedules of each scenario, run twice, give identical traces") {
    for (repro::scenario const& s : repro::builtin_scenarios()) {
        repro::explore_options how;
        how.strategy = "random";
        how.executions = schedules;
        how.verify_every = 1;
        repro::exploration const e = repro::explore(repro::with_open_acts(s), how, never_interrupted);
        INFO(s.name);
        CHECK(e.verified == schedules);
    }
}
