// Steers the real servers that are installed, as their presets describe them.
#include "repro/steer/compare_steps.hpp"
#include "tests/repro/probe/installed.hpp"
#include "tests/repro/steer/steer_tools.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::tests;
using repro::steer::run_steered;

namespace {

bool has(std::vector<std::string> const& steps, std::string const& step) { return std::ranges::count(steps, step) > 0; }

// The default order twice, and the stop at one of its steps.
void steer_real(std::string const& name, bool repeats = true) {
    if (!installed(name)) return;
    repro::target const t = repro::load_target(name);
    traces::trace const first = run_steered(t, {}), second = run_steered(t, {});
    CHECK(first_problem(first) == "");
    CHECK(first_problem(second) == "");
    std::vector<std::string> const steps = steps_of(first);
    for (std::string const step : {"listen.accept#1", "listen.accept#2", "client:1.read#1", "client:2.read#1",
             "client:2.read#2", "client:1.write#1", "client:2.write#2"}) {
        INFO(step);
        CHECK(has(steps, step));
    }
    if (repeats) CHECK_FALSE(repro::steer::difference_by_connection(first, second));
    traces::trace const stopped = run_steered(t, {.stop_at = "client:2.read#1"});
    CHECK(first_problem(stopped) == "");
    CHECK(has(all_steps_of(stopped), "client:2.read#1"));
}

} // namespace

TEST_CASE("nginx is steered, and repeats its steps") { steer_real("nginx"); }
TEST_CASE("node is steered, and repeats its steps") { steer_real("node"); }
TEST_CASE("haproxy is steered, and repeats its steps") { steer_real("haproxy"); }
TEST_CASE("aiohttp is steered, and repeats its steps") { steer_real("aiohttp"); }
TEST_CASE("uvicorn is steered, and repeats its steps") { steer_real("uvicorn"); }
TEST_CASE("apache2 is steered, and repeats its steps") { steer_real("apache2"); }
// Perl orders hashes anew in each process, and Mojolicious keeps its connections in one.
TEST_CASE("Mojolicious is steered") { steer_real("mojolicious", false); }
TEST_CASE("Mojolicious with prefork is steered") { steer_real("mojolicious-prefork", false); }
