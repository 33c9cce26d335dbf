// Which findings of an exploration belong to one defect.
#include <algorithm>
#include <set>
#include "cli/report/explored.hpp"
#include "repro/sim/judged.hpp"
#include "traces/causes/roots.hpp"
#include "traces/rules/fingerprint.hpp"

namespace shutdown_repro::cli {
namespace {

bool has_rule(kept_finding const& k, std::string_view rule) { return k.found.rule == rule; }

// The findings of one shrunk execution, and the violations that it shows.
class shown_together {
public:
    shown_together(std::vector<kept_finding>& kept, std::vector<std::size_t> alike)
        : kept_(kept),
          alike_(std::move(alike)) {
        repro::shrink_result const& small = kept_[alike_.front()].small;
        shown_ = repro::judge_execution(small.scenario, small.schedule);
        places_ = traces::roots_of(shown_.trace, shown_.judged.violations);
    }

    void set_roots() {
        for (std::size_t const k : alike_) {
            std::size_t const mine = violation_of(kept_[k]);
            if (mine == places_.size() || places_[mine].root == mine) continue;
            kept_[k].root = finding_of(places_[mine].root).value_or(k);
            kept_[k].led_to = kept_[k].root != k && places_[mine].is == traces::defect_part::before;
        }
    }

    // The first one that is a root leads, in the order of the execution.
    void set_lead() {
        std::ranges::stable_sort(alike_, {}, [&](std::size_t k) { return violation_of(kept_[k]); });
        auto const root = std::ranges::find_if(alike_, [&](std::size_t k) { return kept_[k].root == k; });
        std::size_t const lead = root == alike_.end() ? alike_.front() : *root;
        for (std::size_t const k : alike_) kept_[k].lead = lead;
    }

private:
    // The index of its violation, a root rather than another; the number of violations when it is not there.
    std::size_t violation_of(kept_finding const& k) const {
        std::size_t best = places_.size();
        for (std::size_t i = places_.size(); i-- > 0;)
            if (has_rule(k, shown_.judged.violations[i].rule) &&
                (best == places_.size() || places_[i].root == i || places_[best].root != best))
                best = i;
        return best;
    }

    // The finding of that violation: of the same execution, else one with the same fingerprint in another.
    std::optional<std::size_t> finding_of(std::size_t violation) const {
        traces::violation const& v = shown_.judged.violations[violation];
        for (std::size_t const k : alike_)
            if (has_rule(kept_[k], v.rule)) return k;
        std::string const print = traces::fingerprint(shown_.trace, v);
        for (std::size_t k = 0; k < kept_.size(); ++k)
            if (has_rule(kept_[k], v.rule) && kept_[k].found.fingerprint == print) return k;
        return {};
    }

    std::vector<kept_finding>& kept_;
    std::vector<std::size_t> alike_;
    repro::judged_execution shown_;
    std::vector<traces::defect_place> places_;
};

// A root may be found to follow in its own smallest execution; what follows from it then has the same root.
void follow_to_the_end(std::vector<kept_finding>& kept) {
    for (std::size_t i = 0; i < kept.size(); ++i) {
        std::set<std::size_t> passed{i};
        while (kept[kept[i].root].root != kept[i].root && passed.insert(kept[i].root).second)
            kept[i].root = kept[kept[i].root].root;
    }
    for (std::size_t i = 0; i < kept.size(); ++i) // each follows from the other in its own execution
        if (kept[kept[i].root].root != kept[i].root) kept[i].root = i;
}

} // namespace

bool same_execution(kept_finding const& a, kept_finding const& b) {
    return a.small.schedule == b.small.schedule && requests_of(a.small.scenario) == requests_of(b.small.scenario);
}

void find_defects(std::vector<kept_finding>& kept) {
    for (std::size_t i = 0; i < kept.size(); ++i) kept[i].lead = kept[i].root = i, kept[i].led_to = false;
    std::vector<shown_together> executions;
    std::vector<bool> done(kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
        if (done[i] || kept[i].found.rule.empty()) continue;
        std::vector<std::size_t> alike;
        for (std::size_t j = i; j < kept.size(); ++j)
            if (!kept[j].found.rule.empty() && same_execution(kept[i], kept[j])) alike.push_back(j), done[j] = true;
        executions.emplace_back(kept, std::move(alike)).set_roots();
    }
    follow_to_the_end(kept);
    for (shown_together& e : executions) e.set_lead();
}

std::optional<defect_count> count_defects(exploration_report const& r) {
    std::set<std::string_view> rules;
    defect_count n;
    std::size_t known = 0;
    for (std::size_t i = 0; i < r.kept.size(); ++i) {
        known += 1 + r.kept[i].also.size();
        if (r.kept[i].found.rule.empty()) continue; // inconclusive, no violation
        n.defects += r.kept[i].root == i;
        rules.insert(r.kept[i].found.rule);
    }
    if (known != r.found.findings.size() || r.found.interrupted) return {};
    n.rules = rules.size();
    return n;
}

} // namespace shutdown_repro::cli
