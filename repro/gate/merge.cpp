#include "repro/gate/merge.hpp"
#include <algorithm>
#include "repro/explore/merge.hpp"
#include "repro/gate/counts.hpp"
#include "repro/gate/judge.hpp"
#include "repro/gate/trials.hpp"

namespace shutdown_repro::repro {
namespace {

using parts_of_check = std::vector<check_result const*>; // the shard with the first trial comes first
using command_line = std::function<std::string(traces::header const&)>;

parts_of_check parts_of(std::vector<gate_result> const& shards, std::size_t k) {
    parts_of_check parts(shards.size());
    for (gate_result const& r : shards) parts[share_of_check(r.shard->mine, k).index] = &r.checks[k];
    return parts;
}

// Returns a copy of the check without its results.
check_result plain(check_result const& c) {
    check_result p = c;
    p.trials = p.violated = p.inconclusive = 0;
    p.trouble.clear();
    p.guarantee.clear();
    p.violations.clear();
    p.explored.reset();
    p.seconds = 0;
    return p;
}

void add_trials(check_result& whole, check_result const& part) {
    whole.trials += part.trials;
    whole.violated += part.violated;
    whole.inconclusive += part.inconclusive;
    if (whole.trouble.empty()) whole.trouble = part.trouble;
    whole.exact = whole.exact && part.exact;
    for (gate_violation const& s : part.violations) count_violation(whole.violations, s, s.count);
    std::ranges::stable_sort(whole.violations, std::ranges::greater{}, &gate_violation::level);
}

// Returns the violation as described by the shard with its shortest execution. Without one the search was run again.
gate_violation shown(
    parts_of_check const& parts, exploration const& whole, finding const& f, command_line const& again) {
    for (check_result const* c : parts) {
        auto words = c->explored->shown.begin();
        for (finding const& mine : c->explored->found.findings) {
            if (mine.key == f.key && mine.shortest == f.shortest) return *words;
            words += !mine.rule.empty();
        }
    }
    return shown_by(whole, f, again);
}

std::string kept_trace(parts_of_check const& parts, gate_violation const& s) {
    for (check_result const* c : parts)
        for (gate_violation const& mine : c->violations)
            if (mine.rule == s.rule && mine.fingerprint == s.fingerprint && !mine.trace.empty()) return mine.trace;
    return {};
}

void add_explorations(check_result& whole, parts_of_check const& parts, command_line const& again) {
    std::vector<exploration> found;
    for (check_result const* c : parts) found.push_back(c->explored->found);
    exploration const e = merged(found);
    count_exploration(whole, parts.front()->explored->how, e);
    for (finding const& f : e.findings)
        if (!f.rule.empty()) count_violation(whole.violations, shown(parts, e, f, again), f.count);
    // The causes are those of all shards, not of the one with the shortest execution.
    for (check_result const* c : parts)
        for (gate_violation const& s : c->explored->shown) count_violation(whole.violations, s, 0);
    for (gate_violation& s : whole.violations) s.trace = kept_trace(parts, s);
}

check_result merged(parts_of_check const& parts, command_line const& again) {
    check_result whole = plain(*parts.front());
    for (check_result const* c : parts) whole.seconds += c->seconds;
    if (parts.front()->explored) add_explorations(whole, parts, again);
    else
        for (check_result const* c : parts) add_trials(whole, *c);
    return whole;
}

} // namespace

gate_result merged(std::vector<gate_result> const& parts, command_line const& again) {
    gate_result whole{parts.front().file, parts.front().baseline, {}, {}, false, {}};
    for (std::size_t k = 0; k < parts.front().checks.size(); ++k)
        whole.checks.push_back(merged(parts_of(parts, k), again));
    gate_rules by = parts.front().shard->by;
    for (gate_result const& p : parts) by.today = std::max(by.today, p.shard->by.today);
    judge(whole, by);
    return whole;
}

} // namespace shutdown_repro::repro
