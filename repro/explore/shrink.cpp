#include "repro/explore/shrink.hpp"
#include <algorithm>
#include <ranges>
#include "repro/explore/explore.hpp"
#include "repro/scenario/moments.hpp"
#include "traces/rules/fingerprint.hpp"

namespace shutdown_repro::repro {

using server::server_kind;

namespace {

constexpr std::uint64_t most_tries = 20'000;      // executions of one search
constexpr std::uint64_t tries_with_fewer = 2'000; // schedules tried with one request less
constexpr std::uint64_t most_twins = 5'000;
// Events of all executions of one search. An execution may have a hundred events or, with a timer that fires each
// millisecond, ten thousand: a limit on executions alone does not bound the time.
constexpr std::uint64_t most_events = 5'000'000;

schedule trimmed(schedule s) {
    while (!s.choices.empty() && s.choices.back() == 0) s.choices.pop_back();
    return s;
}

// Returns the list of stop points without the word; "" when nothing is left.
std::string without_word(std::string_view points, std::string_view word) {
    std::string left;
    for (auto const& part : points | std::views::split(',')) {
        std::string_view const point(part.begin(), part.end());
        if (point != word) left.append(left.empty() ? "" : ",").append(point);
    }
    return left;
}

// Returns the scenario without request i (from 0), and without its handler if it has one of its own. Returns nothing
// when that is no valid scenario: the trace of each candidate must be one that can be replayed.
std::optional<scenario> without_request(scenario s, std::uint32_t i) {
    set_requests(s, requests_of(s) - 1);
    if (s.kind() != server_kind::scoped) return s;
    auto& handlers = s.scoped().handlers;
    if (handlers.size() > 1 && i < handlers.size()) handlers.erase(handlers.begin() + i);
    // When the last handler that makes a call is gone, only the other moments of that call are left.
    for (std::string_view act = uncalled_act(s); !act.empty(); act = uncalled_act(s)) {
        std::string& points = act == "stop" ? s.scoped().stop_at : s.scoped().free_at;
        points = without_word(points, "handler");
        if (points.empty()) return std::nullopt;
    }
    return s;
}

class shrinker {
public:
    shrinker(scenario const& s, schedule const& w, std::string const& what, std::atomic<bool> const& stop)
        : best_{s, trimmed(w), 0},
          what_(what),
          stop_(stop) {}

    shrink_result run() {
        events_of_one_ = judge_execution(best_.scenario, best_.schedule).trace.events.size();
        while (!over() && (fewer_requests() || smaller_schedule())) {}
        return best_;
    }

private:
    bool over() const { return stop_ || best_.executions >= most_tries || events_ >= most_events; }

    // Returns how many executions fit into a quarter of the events that are left.
    std::uint64_t executions_with_fewer() const {
        std::uint64_t const fit = (most_events - events_) / 4 / std::max<std::uint64_t>(events_of_one_, 1);
        return std::clamp<std::uint64_t>(fit, 1, tries_with_fewer);
    }

    bool fewer_requests() {
        for (std::uint32_t i = requests_of(best_.scenario); requests_of(best_.scenario) > 1 && i-- > 0 && !over();) {
            std::optional<scenario> const candidate = without_request(best_.scenario, i);
            if (!candidate) continue;
            scenario const& fewer = *candidate;
            explore_options how;
            how.executions = executions_with_fewer();
            exploration const found = explore(fewer, how, stop_);
            best_.executions += found.executions;
            events_ += found.executions * events_of_one_;
            for (finding const& f : found.findings) {
                if (!what_.starts_with(f.rule + " ") || f.rule.empty()) continue;
                if (!still_fails(fewer, f.shortest)) continue;
                best_.scenario = fewer;
                best_.schedule = trimmed(f.shortest);
                return true;
            }
        }
        return false;
    }

    // Tries one change that makes the schedule smaller: fewer decisions away from the default, then earlier ones and
    // lower choices.
    bool smaller_schedule() {
        std::vector<std::size_t> away;
        for (std::size_t i = 0; i < best_.schedule.choices.size(); ++i)
            if (best_.schedule.choices[i]) away.push_back(i);
        for (std::size_t k = 0; k < away.size(); ++k) { // nothing behind this one
            schedule s = best_.schedule;
            s.choices.resize(away[k]);
            if (take(s)) return true;
        }
        for (std::size_t const i : away)
            if (take(with(i, 0))) return true;
        for (std::size_t const i : away)
            for (std::size_t to : {i / 2, i - std::min<std::size_t>(i, 1)}) {
                if (to == i || best_.schedule.choices[to]) continue;
                schedule s = with(i, 0);
                s.choices[to] = best_.schedule.choices[i];
                if (take(s)) return true;
            }
        for (std::size_t const i : away)
            for (std::uint32_t c = 1; c < best_.schedule.choices[i]; ++c)
                if (take(with(i, c))) return true;
        return false;
    }
    schedule with(std::size_t i, std::uint32_t choice) const {
        schedule s = best_.schedule;
        s.choices[i] = choice;
        return s;
    }

    bool take(schedule const& s) {
        if (over() || !still_fails(best_.scenario, s)) return false;
        best_.schedule = trimmed(s);
        return true;
    }

    bool still_fails(scenario const& s, schedule const& when) {
        ++best_.executions;
        judged_execution const e = judge_execution(s, when);
        events_ += e.trace.events.size();
        return e.diverged.empty() && find_violation(e, what_) != nullptr;
    }

    shrink_result best_;
    std::uint64_t events_ = 0, events_of_one_ = 0;
    std::string const& what_;
    std::atomic<bool> const& stop_;
};

std::string in_words(server::alternative const& a) {
    return traces::to_string(a.who) + ": " + std::string(server::label_of(a.what));
}

// Executes the schedule again and returns the alternatives of one decision.
std::vector<server::alternative> offered_at(scenario const& s, schedule const& when, std::size_t decision) {
    struct listener final : server::decision_source {
        follow by;
        std::size_t wanted;
        std::vector<server::alternative> offered;
        listener(schedule const& w, std::size_t d) : by(w), wanted(d) {}
        std::uint32_t choose(std::span<server::alternative const> o) override {
            if (by.taken().choices.size() == wanted) offered.assign(o.begin(), o.end());
            return by.choose(o);
        }
    } listen(when, decision);
    traces::trace unused;
    simulator().run(s, listen, unused);
    return listen.offered;
}

} // namespace

std::string what_went_wrong(traces::trace const& t, traces::violation const& v) {
    std::string const all = fingerprint(t, v);
    return all.substr(0, all.find("):") == all.npos ? all.find(':') : all.find("):") + 1);
}

traces::violation const* find_violation(judged_execution const& e, std::string const& what) {
    auto const v = std::ranges::find_if(e.judged.violations, [&](traces::violation const& x) {
        return what.starts_with(std::string(x.rule) + " ") && what_went_wrong(e.trace, x) == what;
    });
    return v == e.judged.violations.end() ? nullptr : &*v;
}

shrink_result shrink(scenario const& s, schedule const& when, std::string const& what, std::atomic<bool> const& stop) {
    return shrinker(s, when, what, stop).run();
}

std::optional<passing_twin> find_passing_twin(
    scenario const& s, schedule const& failing, std::atomic<bool> const& stop) {
    judged_execution const bad = judge_execution(s, failing);
    std::uint64_t tries = 0, events = 0;
    for (std::size_t d = bad.taken.choices.size(); d-- > 0;)
        for (std::uint32_t other = 0; other < bad.offered[d]; ++other) {
            if (other == bad.taken.choices[d]) continue;
            schedule candidate = bad.taken;
            candidate.choices[d] = other;
            for (bool const keeps_the_rest : {true, false}) {
                if (stop || ++tries > most_twins || events > most_events) return std::nullopt;
                if (!keeps_the_rest) candidate.choices.resize(d + 1);
                judged_execution const e = judge_execution(s, candidate);
                events += e.trace.events.size();
                if (e.judged.verdict != traces::verdict::clean || (keeps_the_rest && !e.diverged.empty())) continue;
                auto const offered = offered_at(s, bad.taken, d);
                return passing_twin{e.taken, d, in_words(offered[bad.taken.choices[d]]), in_words(offered[other])};
            }
        }
    return std::nullopt;
}

} // namespace shutdown_repro::repro
