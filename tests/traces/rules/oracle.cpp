#include "tests/traces/rules/oracle.hpp"
#include <array>
#include "tests/traces/rules/oracle_families.hpp"

namespace shutdown_repro::traces {
namespace {

verdicts all_verdicts(trace_facts const& f, bool complete) {
    verdicts all = inside_verdicts(f, complete);
    for (verdicts const& family : {client_verdicts(f), time_verdicts(f), process_verdicts(f), act_verdicts(f)})
        all.insert(family.begin(), family.end());
    verdicts const ends = end_verdicts(f, complete, all);
    all.insert(ends.begin(), ends.end());
    return all;
}

// An empty trace breaks no rule, and each is listed.
std::set<std::string> names_of(verdicts const& found, verdicts const& without) {
    std::set<std::string> names;
    for (auto const& [rule, subjects] : found)
        if (!without.contains(rule)) names.emplace(rule);
    return names;
}

} // namespace

std::set<std::string> expected_violations(trace const& t, bool complete) {
    std::set<std::string> out;
    for (auto const& [rule, subjects] : all_verdicts(trace_facts(t), complete))
        for (ref const r : subjects) out.insert(std::string(rule) + " " + to_string(r));
    return out;
}

std::set<std::string> const& rules_of_oracle(rule_family family) {
    static std::array const names = [] {
        trace_facts const nothing{trace{}};
        verdicts const all = all_verdicts(nothing, true), inside = inside_verdicts(nothing, true);
        return std::array{names_of(inside, {}), names_of(all, inside)};
    }();
    return names[static_cast<std::size_t>(family)];
}

std::set<std::string> const& rules_of_oracle() {
    static std::set<std::string> const all = [] {
        std::set<std::string> both = rules_of_oracle(rule_family::inside);
        both.insert(rules_of_oracle(rule_family::outside).begin(), rules_of_oracle(rule_family::outside).end());
        return both;
    }();
    return all;
}

} // namespace shutdown_repro::traces
