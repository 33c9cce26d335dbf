// Search power on real faults: for each mutant the executions to the first violation, by strategy, the median over 20
// seeds. It prints counts, not times. A strategy without randomness (sweep) has one seed. "-" means not within the
// limit.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include "repro/explore/explore.hpp"
#include "tests/mutants/mutant.hpp"
#include "tests/mutants/table.hpp"

using namespace shutdown_repro;

namespace {

constexpr std::uint64_t most = 1'000, seeds = 20;

// First with the scenario's own stop points, then, for a policy that is correct at any moment, with any.
std::uint64_t to_first_violation(repro::scenario const& s, std::string_view strategy, std::uint64_t seed) {
    bool const drained = policy_of(s) == "drained";
    std::atomic<bool> const never = false;
    repro::explore_options how;
    how.strategy = strategy;
    how.seed = seed;
    how.stop_at_first = true;
    std::uint64_t before = 0;
    for (bool const open : {false, true}) {
        if (open && !drained) break;
        how.executions = open ? most : 50; // a scenario with its moments has few schedules
        auto const e = repro::explore(open ? repro::with_open_acts(s) : s, how, never);
        for (auto const& f : e.findings)
            if (f.level != traces::severity::note) return before + f.first;
        before += e.executions;
    }
    return most + 1;
}

} // namespace

int main() {
    std::map<std::string, repro::scenario> scenarios;
    std::ifstream in(MUTANTS "/scenarios.jsonl");
    for (std::string line; std::getline(in, line);) {
        repro::scenario s = repro::scenario_from_text(line, "scenarios.jsonl");
        scenarios[s.name] = s;
    }
    constexpr std::string_view strategies[] = {"sweep", "phase", "pct", "random"};
    std::printf("median executions to the first violation, %d seeds, at most %d\n%-68s", static_cast<int>(seeds),
        static_cast<int>(most), "");
    for (std::string_view const s : strategies) std::printf("%8.*s", static_cast<int>(s.size()), s.data());
    for (mutants::mutant const& m : mutants::read_table(MUTANTS "/mutants.txt")) {
        if (!m.needs.empty() || m.ends_the_process()) continue;
        mutants::chosen = m.number;
        std::printf("\n%-68s", m.name.c_str());
        for (std::string_view const s : strategies) {
            std::vector<std::uint64_t> all;
            for (std::uint64_t seed = 1; seed <= (s == "sweep" ? 1 : seeds); ++seed) {
                std::uint64_t best = most + 1;
                for (std::string const& name : m.scenarios)
                    best = std::min(best, to_first_violation(scenarios.at(name), s, seed));
                all.push_back(best);
            }
            std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
            std::uint64_t const middle = all[all.size() / 2];
            std::printf("%8s", middle > most ? "-" : std::to_string(middle).c_str());
            std::fflush(stdout);
        }
    }
    std::printf("\n");
}
