#include "repro/gate/judge.hpp"
#include <algorithm>
#include <cstdio>
#include "repro/explore/strategy.hpp"
#include "traces/insist.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr rate every_tenth{1'000'000, 10'000'000}; // assumed rate of a reproducer without a baseline
constexpr std::uint64_t most_awaited = 100;        // trials

std::string percent(interval i) {
    char text[64];
    std::snprintf(text, sizeof text, "%.0f to %.0f %%", 100 * i.low, 100 * i.high);
    return text;
}
std::string shown(rate r) { return with_commas(r.violated) + " of " + with_commas(r.of); }
std::string with_interval(rate r) { return shown(r) + " (" + percent(wilson(r)) + ")"; }
std::string executions(std::uint64_t n) { return with_commas(n) + (n == 1 ? " execution" : " executions"); }

std::string list_of(std::vector<std::string> const& words) {
    std::string out;
    for (std::string const& w : words) out += (out.empty() ? "" : ", ") + w;
    return out;
}

bool about(baseline::exception const& e, gate_violation const& s) {
    return e.rule == s.rule && (e.fingerprint.empty() || e.fingerprint == s.fingerprint);
}
bool about(baseline::known const& k, gate_violation const& s) {
    return k.rule == s.rule && k.fingerprint == s.fingerprint;
}

// Returns the number of trials without these violations after which a reproducer has failed.
std::uint64_t trials_that_fail(baseline const& b, std::string const& check, std::vector<std::string> const& rules) {
    std::uint64_t needed = 0;
    for (baseline::known const& k : b.current)
        if (k.check == check && std::ranges::count(rules, k.rule))
            needed = std::max(needed, clean_runs_needed(k.counted).value_or(0));
    return needed ? needed : *clean_runs_needed(every_tenth);
}

// Returns the number of trials that were complete.
std::uint64_t conclusive(check_result const& c) { return c.trials - std::min(c.trials, c.inconclusive); }
// Violations of incomplete trials count, too, so the number of trials is at least their count.
rate rate_of(gate_violation const& s, check_result const& c) { return {s.count, std::max(s.count, conclusive(c))}; }

class check_judge {
public:
    // `part` is true when other shards ran more trials of this check. An exact check without exploration has only one
    // trial.
    check_judge(check_result& c, gate_rules const& by, bool part)
        : c_(c),
          by_(by),
          part_(part && !(c.exact && c.strategy.empty() && c.trials > 0)),
          conclusive_(conclusive(c)) {
        for (baseline::known const& k : by.known.current)
            if (k.check == c.name) known_.push_back(&k);
        for (baseline::exception const& e : by.known.manual)
            if (e.check == c.name) manual_.push_back(&e);
    }

    void judge() {
        if (c_.expected.clean) clean();
        else reproduced();
        exceptions();
        if (!failures_.empty()) c_.result = outcome::failed;
        else if (!doubts_.empty()) c_.result = outcome::inconclusive;
        else if (!stale_.empty() && !by_.allow_stale) c_.result = outcome::stale;
        else c_.result = outcome::passed;
        c_.why.clear();
        if (c_.result == outcome::passed) c_.why.push_back(headline());
        for (auto const* sentences : {&failures_, &doubts_, &stale_, &remarks_})
            c_.why.insert(c_.why.end(), sentences->begin(), sentences->end());
    }

private:
    // ---- checks that expect a clean result

    void clean() {
        for (gate_violation& s : c_.violations) s.stands = standing_of(s);
        for (gate_violation& s : c_.violations)
            if (s.stands == standing::fresh && is_explained(s)) s.stands = standing::follows;
        for (gate_violation& s : c_.violations) {
            if (s.stands == standing::fresh)
                failures_.push_back("new: " + s.rule + ", " + shown(of(s)) + " (baseline: " + expired(s) + ")");
            else if (s.stands == standing::worse)
                failures_.push_back("worse: " + s.rule + ", " + counted(of(s)) + ", the baseline has " +
                    counted((*entry_of(s))->counted));
            else if (s.stands == standing::known) ++tolerated_;
        }
        if (!c_.trouble.empty() || (conclusive_ == 0 && !part_)) doubts_.push_back(doubt());
        if (part_) return;
        for (baseline::known const* k : known_)
            if (std::ranges::none_of(c_.violations, [k](gate_violation const& s) { return about(*k, s); })) gone(*k);
    }

    // Each trial that showed it showed a root of it, and those roots are judged in its place. A root that the check
    // allows judges nothing.
    bool is_explained(gate_violation const& s) const {
        if (s.caused_by.empty() || std::ranges::any_of(manual_, [&](auto const* e) { return about(*e, s); }))
            return false;
        std::uint64_t shown_by_roots = 0;
        std::size_t roots = 0;
        for (gate_violation const& root : c_.violations) {
            if (!is_cause_of(root, s) || root.stands == standing::allowed) continue;
            shown_by_roots += root.count;
            ++roots;
        }
        return roots == s.caused_by.size() && s.count <= shown_by_roots;
    }

    standing standing_of(gate_violation& s) {
        if (s.level == traces::severity::note || std::ranges::count(c_.allowed, s.rule)) return standing::allowed;
        auto const manual =
            std::ranges::find_if(manual_, [&](auto const* e) { return about(*e, s) && !has_expired(*e); });
        if (manual != manual_.end()) {
            s.reason = (*manual)->reason;
            return standing::excepted;
        }
        auto const k = entry_of(s);
        if (k == known_.end()) return standing::fresh;
        if (part_) return standing::known;
        return (c_.exact ? rose : worse)(of(s), (*k)->counted) ? standing::worse : standing::known;
    }

    bool has_expired(baseline::exception const& e) const { return e.expires < by_.today; }

    // Describes the expired exception for a new violation, or returns "none".
    std::string expired(gate_violation const& s) const {
        for (baseline::exception const* e : manual_)
            if (about(*e, s)) return "an exception that expired on " + e->expires + ", \"" + e->reason + "\"";
        return "none";
    }

    std::string counted(rate r) const { return c_.exact ? shown(r) : with_interval(r); }

    // A violation in the baseline was not seen.
    void gone(baseline::known const& k) {
        if (!c_.trouble.empty()) return;
        std::uint64_t const needed = c_.exact ? 1 : clean_runs_needed(k.counted).value_or(1);
        if (conclusive_ >= needed)
            stale_.push_back("fixed: " + k.rule + ", not seen in " + executions(conclusive_) +
                "; remove it from the baseline with --update-baseline");
        else
            remarks_.push_back(k.rule + " was not seen in " + executions(conclusive_) + "; it counts as fixed after " +
                with_commas(needed) + " clean executions, so set " +
                (c_.strategy.empty() ? "\"repeat\": " : "\"executions\": ") + std::to_string(needed) +
                " (the baseline has " + shown(k.counted) + ")");
    }

    // ---- checks that expect violations

    void reproduced() {
        for (gate_violation& s : c_.violations)
            s.stands = s.level == traces::severity::note ? standing::allowed : standing::expected;
        for (std::string const& rule : c_.expected.rules)
            if (std::ranges::none_of(c_.violations, [&rule](gate_violation const& s) { return s.rule == rule; }))
                missing(rule);
    }

    void missing(std::string const& rule) {
        if (part_) {
            if (!c_.trouble.empty()) doubts_.push_back(doubt());
            return;
        }
        std::uint64_t const needed = c_.exact ? 1 : trials_that_fail(by_.known, c_.name, {rule});
        if (conclusive_ >= needed && (c_.trouble.empty() || !c_.exact))
            failures_.push_back("no longer reproduces " + rule + ": not seen in " + executions(conclusive_));
        else
            doubts_.push_back(rule + " was not seen in " + executions(conclusive_) + "; " +
                (c_.trouble.empty() ? with_commas(needed) + " without it are needed to conclude that it is gone"
                                    : c_.trouble));
    }

    // ---- both

    void exceptions() {
        for (baseline::exception const* e : manual_) {
            bool const seen = std::ranges::any_of(c_.violations, [e](gate_violation const& s) { return about(*e, s); });
            bool const told = std::ranges::any_of(
                c_.violations, [e](gate_violation const& s) { return about(*e, s) && s.stands == standing::fresh; });
            if (has_expired(*e) && !told)
                stale_.push_back(
                    "expired on " + e->expires + ": the exception for " + e->rule + " (" + e->reason + ")");
            else if (has_expired(*e)) continue;
            else if (!part_ && !seen && c_.exact && c_.trouble.empty())
                stale_.push_back("the exception for " + e->rule + " no longer matches a violation (" + e->reason + ")");
        }
    }

    std::vector<baseline::known const*>::const_iterator entry_of(gate_violation const& s) const {
        return std::ranges::find_if(known_, [&s](auto const* k) { return about(*k, s); });
    }
    rate of(gate_violation const& s) const { return rate_of(s, c_); }

    std::string doubt() const {
        return "inconclusive: " + (c_.trouble.empty() ? "no trial was run" : c_.trouble) +
            (c_.inconclusive ? ", " + with_commas(c_.inconclusive) + " of " + executions(c_.trials) : "");
    }

    std::string headline() const {
        if (part_) return c_.trials ? "this shard ran " + executions(c_.trials) : "run by other shards";
        if (!c_.expected.clean) return "reproduces " + list_of(c_.expected.rules) + in_how_many();
        std::string const what = tolerated_ || any(standing::excepted) ? "no worse than the baseline"
            : any(standing::allowed)                                   ? "clean except for allowed violations"
                                                                       : "clean";
        if (c_.strategy.empty()) return what + ", " + executions(c_.trials);
        return what +
            (c_.exact ? ", all " + with_commas(c_.trials) + " schedules"
                      : ", " + executions(c_.trials) + " (" + c_.strategy + ")");
    }
    std::string in_how_many() const {
        if (c_.trials == 1) return {};
        std::uint64_t most = 0;
        for (gate_violation const& s : c_.violations)
            if (std::ranges::count(c_.expected.rules, s.rule)) most = std::max(most, s.count);
        return ", " + shown({most, c_.trials}) + " executions";
    }
    bool any(standing what) const {
        return std::ranges::any_of(c_.violations,
            [what](gate_violation const& s) { return s.stands == what && s.level != traces::severity::note; });
    }

    check_result& c_;
    gate_rules const& by_;
    bool part_;
    std::uint64_t conclusive_;
    std::vector<baseline::known const*> known_;
    std::vector<baseline::exception const*> manual_;
    std::vector<std::string> failures_, doubts_, stale_, remarks_;
    std::uint64_t tolerated_ = 0;
};

bool in_gate(gate_rules const& by, std::string const& check) { return std::ranges::count(by.names, check) > 0; }

} // namespace

awaited_violations await(baseline const& b, std::string const& check, expectation const& expected) {
    awaited_violations a;
    for (std::string const& rule : expected.rules) a.all.push_back({rule, ""});
    if (!expected.clean) {
        a.most_trials = trials_that_fail(b, check, expected.rules);
        return a;
    }
    for (baseline::known const& k : b.current) {
        std::uint64_t const needed = clean_runs_needed(k.counted).value_or(0);
        if (k.check != check || needed > most_awaited) continue;
        a.all.push_back({k.rule, k.fingerprint});
        a.most_trials = std::max(a.most_trials, needed);
    }
    return a;
}

void judge(gate_result& r, gate_rules const& by) {
    for (check_result& c : r.checks) check_judge(c, by, r.is_part()).judge();
    r.stale.clear();
    std::vector<std::string> told;
    auto const orphan = [&](std::string const& check) {
        if (in_gate(by, check) || std::ranges::count(told, check)) return;
        told.push_back(check);
        if (!by.allow_stale)
            r.stale.push_back("the baseline has entries for \"" + check + "\", which is not a check of this gate");
    };
    for (baseline::known const& k : by.known.current) orphan(k.check);
    for (baseline::exception const& e : by.known.manual) orphan(e.check);
}

baseline updated(gate_result const& r, gate_rules const& by) {
    baseline next{by.known.path, {}, by.known.manual};
    auto const result_of = [&](std::string const& name) {
        return std::ranges::find(r.checks, name, &check_result::name);
    };
    auto const old_entry = [&](std::string const& check, gate_violation const& s) {
        return std::ranges::find_if(by.known.current, [&](auto const& k) { return k.check == check && about(k, s); });
    };
    for (check_result const& c : r.checks)
        for (gate_violation const& s : c.violations) {
            bool const counts = s.stands == standing::fresh || s.stands == standing::worse ||
                s.stands == standing::known ||
                (!c.exact && !c.open_ended && s.stands == standing::expected &&
                    std::ranges::count(c.expected.rules, s.rule));
            if (!counts) continue;
            rate const now = rate_of(s, c);
            traces::insist(now.of > 0, "a violation that was seen was seen in at least one execution");
            auto const before = old_entry(c.name, s);
            bool const same = !c.exact && before != by.known.current.end() && !worse(now, before->counted) &&
                !worse(before->counted, now);
            next.current.push_back({c.name, s.rule, s.fingerprint,
                same ? before->counted : now}); // keep the entry when only chance changed the count
        }
    for (baseline::known const& k : by.known.current) {
        auto const c = result_of(k.check);
        bool const looked = c != r.checks.end(),
                   seen = looked &&
            std::ranges::any_of(c->violations, [&](gate_violation const&s) { return about(k, s); });
        if (!in_gate(by, k.check) || seen) continue;
        bool const fixed =
            looked && c->trouble.empty() && (c->exact || conclusive(*c) >= clean_runs_needed(k.counted).value_or(1));
        if (!fixed) next.current.push_back(k);
    }
    return next;
}

} // namespace shutdown_repro::repro
