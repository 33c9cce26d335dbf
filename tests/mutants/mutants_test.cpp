// Every mutant of the table is told from the original, within a bounded search: by a rule, or because the server never ends.
// What it took is printed. Of a mutant that nobody can find yet the table says what is missing, until it is found.
#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>
#include <random>
#include "repro/execute.hpp"
#include "tests/catch.hpp"
#include "tests/mutants/mutant.hpp"
#include "tests/mutants/table.hpp"
#include "traces/jsonl.hpp"

using namespace shutdown_repro;
using mutants::mutant;
using repro::scenario;

namespace {

constexpr std::uint32_t random_orders = 1000; // a scenario, beside the sweep

std::vector<scenario> read_scenarios() {
    std::ifstream in(MUTANTS "/scenarios.jsonl");
    std::vector<scenario> all;
    for (std::string line; std::getline(in, line);) all.push_back(repro::scenario_from_text(line, "scenarios.jsonl"));
    return all;
}

// Each decision is the usual one or, every so often, any. The usual one is the first or the last.
struct sampled final : repro::decision_source {
    std::minstd_rand random;
    std::uint32_t one_in = 0; // 0: the usual one throughout
    bool last = false;
    std::uint32_t choose(std::span<repro::alternative const> offered) override {
        auto const n = static_cast<std::uint32_t>(offered.size());
        if (one_in && random() % one_in == 0) return static_cast<std::uint32_t>(random() % n);
        return last ? n - 1 : 0;
    }
};

// The moments of stop and free that a sweep of a drained server tries: both at each point of the original's default order,
// alone and together with the scenario's own.
std::vector<scenario> moments_of(scenario const& s) {
    std::vector<scenario> all{s};
    if (s.server != "scoped" || s.config.shutdown != server::policy::drained) return all;
    auto const add = [&](std::string stop, std::string free) {
        all.push_back(s);
        all.back().config.stop_at = std::move(stop);
        all.back().config.free_at = std::move(free);
    };
    bool stopped = false;
    for (auto const& p : repro::passed_stop_points(s)) {
        stopped = stopped || p.point == "act.stop#1" || p.point == "act.free#1";
        bool const alone = s.config.stop_at == "never"; // then it is the free that begins the end
        if (!alone || !stopped) add(s.config.stop_at, p.point);
        if (!alone) add(s.config.stop_at + "," + p.point, s.config.free_at);
        if (stopped) continue;
        add(p.point, s.config.free_at == "handler" ? "server.stopped#1" : s.config.free_at);
        add("never", p.point);
        add(p.point, p.point);
    }
    // Nobody would stop it.
    std::erase_if(all, [](scenario const& x) { return x.config.stop_at == "never" && x.config.free_at == "never"; });
    return all;
}

struct finding {
    std::string rule, scenario, stop, free, schedule;
    std::uint32_t executions = 0;
};

class searcher {
public:
    // The first execution in which something is violated; an empty rule when there is none.
    finding search(scenario const& s) {
        std::vector<scenario> const& moments = moments_[s.name].empty() ? moments_[s.name] = moments_of(s) : moments_[s.name];
        finding f;
        f.scenario = s.name;
        sampled decide;
        for (scenario const& m : moments)
            if (violates(m, decide, f)) return f;
        decide.random.seed(1);
        for (std::uint32_t i = 0; i < random_orders; ++i) {
            decide.one_in = i % 5;
            decide.last = i % 2;
            if (violates(moments[decide.random() % moments.size()], decide, f)) return f;
        }
        return f;
    }

private:
    repro::simulator sim_;
    traces::rule_run rules_;
    traces::trace trace_;
    std::map<std::string, std::vector<scenario>> moments_;

    bool violates(scenario const& s, sampled& decide, finding& f) {
        ++f.executions;
        rules_.reset();
        sim_.run(s, decide, trace_, &rules_);
        bool const complete = trace_.foot && trace_.problems.empty();
        if (trace_.foot) rules_.on_footer(*trace_.foot);
        rules_.finish(complete);
        for (auto const& v : rules_.violations())
            if (v.level != traces::severity::note) {
                if (f.rule.find(v.rule) == f.rule.npos) f.rule += (f.rule.empty() ? "" : " ") + std::string(v.rule);
            }
        if (f.rule.empty() && !complete) f.rule = "never-ended";
        f.stop = s.config.stop_at;
        f.free = s.config.free_at;
        f.schedule = trace_.head.schedule;
        return !f.rule.empty();
    }
};

scenario const& named(std::vector<scenario> const& all, std::string const& name) {
    auto const s = std::ranges::find(all, name, &scenario::name);
    if (s == all.end()) throw std::runtime_error("no scenario \"" + name + "\"");
    return *s;
}

finding search_its_scenarios(searcher& search, mutant const& m, std::vector<scenario> const& all) {
    finding f;
    std::uint32_t executions = 0;
    for (std::string const& name : m.scenarios) {
        f = search.search(named(all, name));
        f.executions = executions += f.executions;
        if (!f.rule.empty()) break;
    }
    return f;
}

struct restored {
    ~restored() { mutants::chosen = 0; }
};

} // namespace

TEST_CASE("the servers as they are violate nothing in any scenario of the mutants") {
    searcher search;
    for (scenario const& s : read_scenarios()) {
        finding const f = search.search(s);
        INFO(s.name << ": " << f.rule << ", execution " << f.executions << ", stop " << f.stop << ", free " << f.free << ", schedule " << f.schedule);
        CHECK(f.rule == "");
    }
}

TEST_CASE("every mutant is found, but those for which something is missing") {
    restored const original_again;
    auto const scenarios = read_scenarios();
    searcher search;
    std::cout << "executions  rules, scenario and moment\n";
    for (mutant const& m : mutants::read_table(MUTANTS "/mutants.txt")) {
        mutants::chosen = m.number;
        finding const f = search_its_scenarios(search, m, scenarios);
        std::cout << std::setw(10) << f.executions << "  " << m.name << ": " << (f.rule.empty() ? "not found; needs " + m.needs : f.rule) << "\n";
        if (!f.rule.empty())
            std::cout << "            " << f.scenario << ", stop " << f.stop << ", free " << f.free << ", schedule " << f.schedule << "\n";
        INFO(m.name << (m.needs.empty() ? "" : ": is it found by what its \"needs\" asks for? Then take that line out"));
        CHECK(f.rule.empty() == !m.needs.empty());
    }
}
