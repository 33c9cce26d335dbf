// A fault that breaks a condition on this program itself ends an exploration and a gate alike, in processes of their
// own.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>
#include "repro/explore/explore.hpp"
#include "repro/gate/trials.hpp"
#include "tests/catch.hpp"
#include "tests/mutants/mutant.hpp"
#include "tests/mutants/table.hpp"

using namespace shutdown_repro;

namespace {

int status_in_its_own_process(std::function<void()> const& it) {
    pid_t const child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr)) _exit(1);
        it();
        _exit(0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

repro::scenario scenario_named(std::string const& name) {
    std::ifstream in(MUTANTS "/scenarios.jsonl");
    for (std::string line; std::getline(in, line);)
        if (repro::scenario s = repro::scenario_from_text(line, "scenarios.jsonl"); s.name == name) return s;
    throw std::runtime_error("no scenario \"" + name + "\"");
}

void explore(repro::scenario const& s) {
    std::atomic<bool> const never = false;
    repro::explore_options how;
    how.executions = 1'000;
    repro::explore(s, how, never);
}

void run_in_gate(repro::scenario const& s) {
    std::atomic<bool> const never = false;
    repro::check_plan plan;
    plan.scenario = s;
    plan.strategy = "auto";
    plan.executions = 1'000;
    repro::observe(plan, {}, never);
}

} // namespace

TEST_CASE("a fault that breaks a condition on the program itself ends an exploration and a gate with status 70") {
    auto const all = mutants::read_table(MUTANTS "/mutants.txt");
    REQUIRE(std::ranges::count_if(all, &mutants::mutant::ends_the_process) > 0);
    for (mutants::mutant const& m : all) {
        if (!m.ends_the_process()) continue;
        for (std::string const& name : m.scenarios) {
            repro::scenario const s = scenario_named(name);
            INFO(m.name << " in " << name);
            for (auto const& run : {explore, run_in_gate}) {
                CHECK(status_in_its_own_process([&] { run(s); }) == 0);
                CHECK(status_in_its_own_process([&] {
                    mutants::chosen = m.number;
                    run(s);
                }) == 70);
            }
        }
    }
}
