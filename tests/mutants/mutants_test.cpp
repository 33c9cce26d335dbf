// `explore` must tell every mutant of the table from the original within 20,000 executions of each of its scenarios: by
// a rule, or because the server never ends. The test prints the number of executions. For a mutant that can't be found
// yet, the table says what is missing.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <iomanip>
#include <iostream>
#include "repro/explore/explore.hpp"
#include "tests/catch.hpp"
#include "tests/mutants/mutant.hpp"
#include "tests/mutants/table.hpp"

using namespace shutdown_repro;
using mutants::mutant;
using repro::scenario;

namespace {

constexpr std::uint64_t most = 20'000;
constexpr std::uint64_t most_in_vain = 1'000; // for a mutant that is known to be undetectable, and for the originals

std::vector<scenario> read_scenarios() {
    std::ifstream in(MUTANTS "/scenarios.jsonl");
    std::vector<scenario> all;
    for (std::string line; std::getline(in, line);) all.push_back(repro::scenario_from_text(line, "scenarios.jsonl"));
    return all;
}

scenario const& named(std::vector<scenario> const& all, std::string const& name) {
    auto const s = std::ranges::find(all, name, &scenario::name);
    if (s == all.end()) throw std::runtime_error("no scenario \"" + name + "\"");
    return *s;
}

struct found {
    std::string rules, scenario, schedule;
    std::uint64_t executions = 0;
};

// First with its own stop points, then, for a policy that is correct at any moment, with any.
found search(scenario const& s, std::uint64_t executions) {
    std::atomic<bool> const never = false;
    repro::explore_options how;
    how.executions = executions;
    how.stop_at_first = true;
    found f;
    f.scenario = s.name;
    bool const drained = policy_of(s) == "drained";
    for (bool const open : {false, true}) {
        if (open && !drained) continue;
        repro::exploration const e = repro::explore(open ? repro::with_open_acts(s) : s, how, never);
        f.executions += e.executions;
        for (repro::finding const& x : e.findings) {
            if (x.level == traces::severity::note) continue;
            std::string const rule = x.rule.empty() ? "never-ended" : x.rule;
            if (f.rules.find(rule) == f.rules.npos) f.rules += (f.rules.empty() ? "" : " ") + rule;
            f.schedule = to_string(x.shortest);
        }
        if (!f.rules.empty()) return f;
    }
    return f;
}

struct restored {
    ~restored() { mutants::chosen = 0; }
};

} // namespace

TEST_CASE("the unmodified servers have no violation in any scenario of the mutants") {
    for (scenario const& s : read_scenarios()) {
        found const f = search(s, most_in_vain);
        INFO(s.name << ": " << f.rules << ", execution " << f.executions << ", schedule " << f.schedule);
        CHECK(f.rules == "");
    }
}

TEST_CASE("auto finds every mutant except those marked as undetectable") {
    restored const original_again;
    auto const scenarios = read_scenarios();
    std::cout << "executions  rules, scenario and schedule\n";
    for (mutant const& m : mutants::read_table(MUTANTS "/mutants.txt")) {
        if (m.ends_the_process()) continue; // see insist_test.cpp
        mutants::chosen = m.number;
        found f;
        std::uint64_t executions = 0;
        for (std::string const& name : m.scenarios) {
            f = search(named(scenarios, name), m.needs.empty() ? most : most_in_vain);
            executions += f.executions;
            if (!f.rules.empty()) break;
        }
        std::cout << std::setw(10) << executions << "  " << m.name << ": "
                  << (f.rules.empty() ? "not found; needs " + m.needs : f.rules) << "\n";
        if (!f.rules.empty()) std::cout << "            " << f.scenario << ", schedule " << f.schedule << "\n";
        INFO(
            m.name << (m.needs.empty() ? "" : ": is it found by what its \"needs\" asks for? Then take that line out"));
        CHECK(f.rules.empty() == !m.needs.empty());
    }
}
