// The memory for inspecting a trace grows with the number of actors, and hardly with the number of events.
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"
#include "tests/skip.hpp"

using namespace shutdown_repro::cli_tests;

namespace {

std::string const python = "/usr/bin/python3";

// Thirty requests that suspend again and again.
void record(folder const& here, std::string const& name, int steps, int stop) {
    result const r = run({"run", "scope-disposal", "--policy", "as-reported", "--world", "sim", "--requests", "30",
                             "--set", "stop=coroutine.suspend#" + std::to_string(stop), "--set",
                             "handlers=[{\"act\":\"park\",\"steps\":" + std::to_string(steps) + "}]", "--trace", name},
        {.in = here.path()});
    INFO(r.out << r.err);
    REQUIRE(here.has(name));
}

// Returns the peak memory in kB. Python measures it, because a child of it does not start as a copy of a large process.
double peak(folder const& here, std::string const& words) {
    std::string const measure =
        "import resource, subprocess, sys\nsubprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, "
        "check=False)\nprint(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    result const r = run_line(
        "export ASAN_OPTIONS=quarantine_size_mb=1; " + python + " -c '" + measure + "' shutdown-repro " + words,
        here.path());
    INFO(r.err);
    REQUIRE(r.status == 0);
    return std::stod(r.out);
}

} // namespace

TEST_CASE("inspecting a trace with ten times the events takes no more memory") {
    folder here;
    if (run_line(python + " -c 'import resource'", here.path()).status != 0)
        return shutdown_repro::tests::skip("there is no " + python + ", so no memory was measured");
    record(here, "short.jsonl", 90, 2'000);
    record(here, "long.jsonl", 900, 20'000);
    REQUIRE(here.read("long.jsonl").size() > 9 * here.read("short.jsonl").size());
    for (std::string const look : {"inspect T", "inspect T --tree", "inspect T --tree --at 3000", "inspect T --explain",
             "inspect T --stats", "inspect T --follow coroutine:3", "inspect T --filter 'under scope:2'",
             "inspect T --export dot", "check T"}) {
        auto const at = look.find(" T");
        auto const with = [&](std::string const& trace) {
            return look.substr(0, at + 1) + trace + look.substr(at + 2);
        };
        double const little = peak(here, with("short.jsonl")), much = peak(here, with("long.jsonl"));
        INFO(look << ": " << little << " and " << much << " kB");
        CHECK(much < 1.3 * little); // who caused whom is kept for an explanation, some thirty bytes an event
    }
}
