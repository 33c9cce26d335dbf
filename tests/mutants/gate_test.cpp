// A commit that breaks the correct policy fails the bundled gate, which names the rule.
#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>
#include "cli/ci/reports.hpp"
#include "repro/gate/judge.hpp"
#include "repro/gate/trials.hpp"
#include "tests/catch.hpp"
#include "tests/mutants/mutant.hpp"
#include "tests/mutants/table.hpp"

using namespace shutdown_repro;

namespace {

struct restored {
    ~restored() { mutants::chosen = 0; }
};

// Returns its simulated checks. Live checks run another process, which has no mutant of this one.
repro::gate_result bundled_gate_now() {
    std::atomic<bool> const never = false;
    repro::gate_result r;
    for (repro::check_plan const& plan : repro::bundled_gate().checks)
        if (plan.world == server::world_kind::sim) r.checks.push_back(repro::observe(plan, {}, never).result);
    repro::judge(r, {});
    return r;
}

std::vector<std::string> rules_that_failed(repro::gate_result const& r) {
    std::vector<std::string> rules;
    for (repro::check_result const& c : r.checks)
        for (repro::gate_violation const& s : c.violations)
            if (s.stands == repro::standing::fresh) rules.push_back(s.rule);
    return rules;
}

} // namespace

TEST_CASE("the bundled gate passes for the unmodified servers") {
    repro::gate_result const r = bundled_gate_now();
    for (repro::check_result const& c : r.checks) {
        INFO(c.name << ": " << c.why.front());
        CHECK(c.result == repro::outcome::passed);
    }
}

// A scenario of the correct policy shows the mutants that break it. Others break the reported policies or a cell.
bool breaks_drained(mutants::mutant const& m, std::vector<repro::scenario> const& all) {
    return m.needs.empty() && !m.ends_the_process() && std::ranges::any_of(m.scenarios, [&](std::string const& name) {
        auto const s = std::ranges::find(all, name, &repro::scenario::name);
        return s != all.end() && policy_of(*s) == "drained";
    });
}

// The first check that does not pass, and the rules for which it does not; those of this server come first, the cheap
// ones before the others. A server that never ends breaks no rule when nobody stops it: that is inconclusive, and no
// pass either.
std::string failed_by(std::string const& first) {
    std::atomic<bool> const never = false;
    repro::gate_file gate = repro::bundled_gate();
    std::ranges::stable_sort(gate.checks, {}, [&](repro::check_plan const& c) {
        return std::pair(server::word_of(c.scenario.kind()) != first, c.executions);
    });
    for (repro::check_plan const& plan : gate.checks) {
        if (plan.world != server::world_kind::sim) continue;
        repro::gate_result r;
        r.checks.push_back(repro::observe(plan, {}, never).result);
        repro::judge(r, {});
        if (worst_of(r) == repro::outcome::passed) continue;
        CHECK((worst_of(r) == repro::outcome::failed || r.checks.front().inconclusive > 0));
        std::string rules;
        for (std::string const& rule : rules_that_failed(r)) rules += " " + rule;
        return r.checks.front().name + ":" + (rules.empty() ? " never ended" : rules);
    }
    return {};
}

// Faults in these files, at least so many; the files of `others` are all that stand in no list.
constexpr std::string_view policies = "scoped/policies.cpp", scoped_server = "scoped/scoped_server.cpp",
                           scopes = "scopes/scope.cpp scopes/coroutine.cpp scopes/handlers.cpp",
                           daemon_of_reactor = "reactor/daemon.cpp", others = "";
void passes_for_none(std::string_view files, std::size_t at_least) {
    restored const original_again;
    std::ifstream in(MUTANTS "/scenarios.jsonl");
    std::vector<repro::scenario> scenarios;
    for (std::string line; std::getline(in, line);)
        scenarios.push_back(repro::scenario_from_text(line, "scenarios.jsonl"));
    auto const among = [](std::string_view list, std::string const& file) {
        return (" " + std::string(list) + " ").find(" " + file + " ") != std::string::npos;
    };
    auto const is_other = [&](std::string const& file) {
        return std::ranges::none_of(std::array{policies, scoped_server, scopes, daemon_of_reactor},
            [&](std::string_view list) { return among(list, file); });
    };
    bool const reactor = files == daemon_of_reactor || files == others;
    std::size_t tried = 0;
    for (mutants::mutant const& m : mutants::read_table(MUTANTS "/mutants.txt")) {
        if (!(files == others ? is_other(m.file) : among(files, m.file)) || !breaks_drained(m, scenarios)) continue;
        mutants::chosen = m.number;
        std::string const by = failed_by(reactor ? "reactor" : "scoped");
        std::cout << m.file << "  " << m.name << "  " << by << "\n";
        INFO(m.name);
        CHECK(by != "");
        ++tried;
    }
    CHECK(tried >= at_least);
}

TEST_CASE("the bundled gate fails for every detectable mutant of the drained policy") { passes_for_none(policies, 10); }
TEST_CASE("the bundled gate fails for every detectable mutant of the scoped server") {
    passes_for_none(scoped_server, 10);
}
TEST_CASE("the bundled gate fails for every detectable mutant of scopes and coroutines") { passes_for_none(scopes, 8); }
TEST_CASE("the bundled gate fails for every detectable mutant of the reactor's daemon") {
    passes_for_none(daemon_of_reactor, 8);
}
TEST_CASE("the bundled gate fails for every detectable mutant of the rest of the reactor") {
    passes_for_none(others, 6);
}

TEST_CASE("JUnit, SARIF, annotations and TAP of a gate that fails for a mutant name the rule") {
    restored const original_again;
    auto const all = mutants::read_table(MUTANTS "/mutants.txt");
    auto const m = std::ranges::find(all, "the-cancellation-is-not-awaited", &mutants::mutant::name);
    REQUIRE(m != all.end());
    repro::gate_file gate = repro::bundled_gate();
    std::erase_if(gate.checks, [](repro::check_plan const& c) { return c.name != "pipelined-forever drained"; });
    REQUIRE(gate.checks.size() == 1);
    std::atomic<bool> const never = false;
    for (bool const broken : {true, false}) {
        mutants::chosen = broken ? m->number : 0;
        repro::gate_result r;
        r.checks.push_back(repro::observe(gate.checks.front(), {}, never).result);
        repro::judge(r, {});
        CHECK((worst_of(r) == repro::outcome::failed) == broken);
        std::string const junit = cli::as_junit(r), github = cli::as_github(r), tap = cli::as_tap(r),
                          rule = "cancelled-not-awaited";
        auto const has = [](std::string const& report, std::string const& part) {
            return report.find(part) != report.npos;
        };
        for (std::string const& report : {junit, github, tap}) CHECK(has(report, rule) == broken);
        CHECK(has(junit, "<failure") == broken);
        CHECK(has(github, "::error ") == broken);
        CHECK(has(tap, "not ok 1") == broken);
        // The log lists all rules, but a result has only a violated one.
        nlohmann::json const results = nlohmann::json::parse(cli::as_sarif(r, broken))["runs"][0]["results"];
        CHECK(std::ranges::any_of(results, [&](nlohmann::json const& found) { return found["ruleId"] == rule; }) ==
            broken);
    }
}
