#include "repro/gate/counts.hpp"
#include <algorithm>
#include <tuple>

namespace shutdown_repro::repro {
namespace {

std::string why_unfinished(exploration const& e) {
    auto const limit = std::ranges::find_if(
        e.findings, [](finding const& f) { return f.rule.empty() && f.key == finding::ended_at_limit; });
    return limit == e.findings.end() ? "the server never ended, and no rule explains it" : limit->message;
}

bool enumerates(std::string_view strategy) { return strategy == "exhaustive" || strategy == "plain"; }

// What came without a root once is a root. The order does not depend on that of the trials, which shards change.
void add_causes(gate_violation& to, gate_violation const& from) {
    if (to.caused_by.empty() || from.caused_by.empty()) return to.caused_by.clear();
    for (gate_violation::cause const& c : from.caused_by)
        if (!std::ranges::count(to.caused_by, c)) to.caused_by.push_back(c);
    std::ranges::sort(to.caused_by, {}, [](auto const& c) { return std::tie(c.rule, c.fingerprint); });
}

} // namespace

std::size_t count_violation(std::vector<gate_violation>& all, gate_violation const& shown, std::uint64_t count) {
    auto at = std::ranges::find_if(
        all, [&](gate_violation const& s) { return s.rule == shown.rule && s.fingerprint == shown.fingerprint; });
    if (at == all.end()) {
        at = all.insert(at, shown);
        at->count = 0;
    } else {
        add_causes(*at, shown);
    }
    at->count += count;
    return static_cast<std::size_t>(at - all.begin());
}

void count_exploration(check_result& c, explore_options const& how, exploration const& e) {
    c.trials = e.executions;
    c.violated = e.violating;
    if (e.unfinished) c.doubt(e.unfinished, why_unfinished(e));
    for (std::string const& g : e.guarantees()) c.guarantee += (c.guarantee.empty() ? "" : "; ") + g;
    c.exact = std::ranges::any_of(e.stages, [](stage const& s) { return s.done.complete && enumerates(s.strategy); });
    if (!e.interrupted && !c.exact && enumerates(how.strategy))
        c.doubt(0,
            with_commas(how.executions) +
                " executions were not enough to try every schedule; raise \"executions\", or use another strategy");
}

} // namespace shutdown_repro::repro
