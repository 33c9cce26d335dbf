#include "repro/gate/trials.hpp"
#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>
#include "repro/explore/explore.hpp"
#include "repro/gate/counts.hpp"
#include "repro/input/errors.hpp"
#include "repro/live/live.hpp"
#include "repro/probe/probe.hpp"
#include "repro/scenario/moments.hpp"
#include "repro/sim/judged.hpp"
#include "repro/target/program_run.hpp"
#include "traces/causes/roots.hpp"
#include "traces/phrases/phrase.hpp"
#include "traces/rules/fingerprint.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::size_t most_steps = 50; // steps of a witness that are reported

std::vector<gate_violation::step> steps_of(traces::trace const& t, traces::violation const& v) {
    std::vector<gate_violation::step> steps;
    for (traces::seq_t const at : v.witness) {
        auto const e = std::ranges::lower_bound(t.events, at, {}, &traces::event::seq);
        if (e == t.events.end() || e->seq != at || steps.size() == most_steps) continue;
        steps.push_back({at, std::string(traces::kind_text(*e)) + " " + traces::phrase(*e)});
    }
    return steps;
}

// Returns whether a trial whose server had to be killed was judged all the same: a rule reports an error after the
// kill.
bool is_told(traces::trace const& t, std::vector<traces::violation> const& violations) {
    if (t.problems.size() > 1 || !t.foot || t.foot->dropped) return false;
    auto const killed = std::ranges::find_if(t.events,
        [](traces::event const& e) { return e.what == traces::kind::process_signal && e.text("signal") == "SIGKILL"; });
    return killed != t.events.end() && std::ranges::any_of(violations, [&](traces::violation const& v) {
        return v.level == traces::severity::error && v.at > killed->seq;
    });
}

// Describes number i of the violations of t, which stands there in its defect.
gate_violation in_words(traces::trace const& t, std::vector<traces::violation> const& all,
    traces::defect_place const& place, std::size_t i, std::function<std::string(traces::header const&)> const& again) {
    traces::violation const& v = all[i];
    gate_violation s;
    s.led_to = place.is == traces::defect_part::before;
    if (place.root != i) s.caused_by.push_back({std::string(all[place.root].rule), fingerprint(t, all[place.root])});
    s.rule = v.rule;
    s.fingerprint = fingerprint(t, v);
    s.level = v.level;
    s.message = v.message;
    s.inside = v.inside;
    s.witness = steps_of(t, v);
    if (again) s.replay = again(t.head);
    return s;
}

std::vector<gate_violation::cause> causes_of(finding const& f, std::vector<finding> const& all) {
    std::vector<gate_violation::cause> causes;
    for (finding const& root : all)
        if (std::ranges::count(f.caused_by, root.key)) causes.push_back({root.rule, root.fingerprint});
    std::ranges::sort(causes); // a merge of shards has no other order
    return causes;
}

// Makes one line of an error that quotes the output of a server on further lines.
std::string in_one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
}

class observer {
public:
    observer(check_plan const& plan, trial_options const& options) : plan_(plan), options_(options) {
        check_result& c = seen_.result;
        c.name = plan.name;
        c.line = plan.line;
        if (plan.target) c.target = plan.target->what.name, c.probe = plan.target->probe;
        else c.scenario = plan.scenario.name, c.policy = policy_of(plan.scenario);
        c.world = plan.world;
        c.strategy = plan.strategy;
        c.expected = plan.expected;
        c.allowed = plan.allowed;
        c.open_ended = plan.open_ended;
    }

    // Adds one trial.
    void add(traces::trace&& t) {
        check_result& c = seen_.result;
        ++c.trials;
        traces::judgement const judged = traces::judge(t);
        auto const example = std::make_shared<traces::trace const>(std::move(t));
        std::vector<std::size_t> mine; // indexes in `seen`; an execution counts at most once for each
        bool violated = false;
        std::vector<traces::defect_place> const places = traces::roots_of(*example, judged.violations);
        for (std::size_t i = 0; i < places.size(); ++i) {
            traces::violation const& v = judged.violations[i];
            violated = violated || (v.level != traces::severity::note && !std::ranges::count(c.allowed, v.rule));
            std::size_t const place =
                place_of(example, in_words(*example, judged.violations, places[i], i, again()), 0);
            if (std::ranges::count(mine, place)) continue;
            mine.push_back(place);
            ++c.violations[place].count;
        }
        c.violated += violated;
        if (!judged.problems.empty() && !is_told(*example, judged.violations)) c.doubt(1, judged.problems.front());
    }

    void add_failure(std::string const& why) {
        ++seen_.result.trials;
        seen_.result.doubt(1, in_one_line(why));
    }

    // Adds the trials of an exploration.
    void add(explore_options const& how, exploration e) {
        count_exploration(seen_.result, how, e);
        explored_part part{how, {}, {}};
        for (finding const& f : e.findings)
            if (!f.rule.empty()) part.shown.push_back(add(e, f)); // without a rule it is inconclusive, not violated
        if (e.interrupted) was_interrupted();
        if (!how.shard) return;
        e.reached.reset();
        part.found = std::move(e);
        seen_.result.explored = std::move(part);
    }

    void was_interrupted() {
        seen_.interrupted = true;
        seen_.result.doubt(0, "it was interrupted");
    }
    void cant_be_run(std::string const& why) { seen_.result.doubt(0, why); }
    void is_exact() { seen_.result.exact = true; }

    bool has_seen(awaited_violations const& a) const {
        return std::ranges::all_of(a.all, [&](awaited_violations::violation const& v) {
            return std::ranges::any_of(seen_.result.violations, [&](gate_violation const& s) {
                return s.rule == v.rule && (v.fingerprint.empty() || s.fingerprint == v.fingerprint);
            });
        });
    }

    observation result(double seconds) {
        check_result& c = seen_.result;
        c.seconds = seconds;
        std::vector<std::size_t> order(c.violations.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::stable_sort(
            order, [&](std::size_t a, std::size_t b) { return c.violations[a].level > c.violations[b].level; });
        observation sorted;
        for (std::size_t const i : order) {
            sorted.result.violations.push_back(std::move(c.violations[i]));
            sorted.examples.push_back(std::move(seen_.examples[i]));
        }
        c.violations = std::move(sorted.result.violations);
        seen_.examples = std::move(sorted.examples);
        return std::move(seen_);
    }

private:
    gate_violation add(exploration const& whole, finding const& f) {
        auto const example = std::make_shared<traces::trace>();
        gate_violation const shown = shown_by(whole, f, again(), example.get());
        place_of(example, shown, f.count);
        return shown;
    }

    std::function<std::string(traces::header const&)> again() const {
        if (!options_.again) return {};
        return [this](traces::header const& head) { return options_.again(plan_, head); };
    }

    // Returns the index of this violation, inserting it if new; its first trace is kept.
    std::size_t place_of(
        std::shared_ptr<traces::trace const> const& t, gate_violation const& shown, std::uint64_t count) {
        std::size_t const place = count_violation(seen_.result.violations, shown, count);
        if (place == seen_.examples.size()) seen_.examples.push_back(t);
        return place;
    }

    check_plan const& plan_;
    trial_options const& options_;
    observation seen_;
};

// ---- the kinds of trials

void explore_schedules(check_plan const& c, trial_options const& o, std::atomic<bool> const& stop, observer& to) {
    scenario const open = with_open_acts(c.scenario, c.kept);
    explore_options how;
    how.strategy = c.strategy;
    how.executions = c.executions;
    how.seed = c.seed;
    how.jobs = o.jobs;
    how.shard = o.shard;
    how.find_causes = true;
    std::function<void(explore_progress const&)> tell;
    if (o.tell) tell = [&](explore_progress const& p) { o.tell(p.executions, p.of, p.strategy); };
    to.add(how, explore(open, how, stop, tell));
}

std::uint64_t first_trial(trial_options const& o) { return o.shard ? o.shard->index : 0; }

// Runs one execution, which is the same each time. When it diverges from its schedule, the trial is inconclusive.
void simulate(check_plan const& c, trial_options const& o, observer& to) {
    if (first_trial(o) > 0) return to.is_exact();
    judged_execution e = judge_execution(c.scenario, c.when.value_or(schedule{}));
    if (!e.diverged.empty()) return to.add_failure("the execution diverged from the schedule: " + e.diverged);
    to.is_exact();
    to.add(std::move(e.trace));
}

std::uint64_t most_trials(check_plan const& c, trial_options const& o) {
    return c.open_ended ? std::max<std::uint64_t>(c.repeat, o.waits_for.most_trials) : c.repeat;
}

// Runs the trials of a live check. A trial that can't be run is inconclusive. When the first one can't be run, no more
// are tried.
void repeat(check_plan const& c, trial_options const& o, std::atomic<bool> const& stop, observer& to,
    std::function<traces::trace()> const& once) {
    bool started = false;
    std::uint64_t const most = most_trials(c, o), step = o.shard ? o.shard->count : 1;
    for (std::uint64_t n = first_trial(o); n < c.repeat || (n < most && !to.has_seen(o.waits_for)); n += step) {
        if (o.tell) o.tell(n, most, "live");
        if (stop) return to.was_interrupted();
        try {
            to.add(once());
            started = true;
        } catch (std::runtime_error const& e) { // including a lack of processes or descriptors
            to.add_failure(e.what());
            if (!started) return;
        }
    }
}

// Returns why the target is not installed, or "". Without a version command this is found out only when it is started.
std::string why_missing(target const& t) {
    if (t.version.empty() || installed_version(t)) return {};
    return t.name + " is not installed" + (t.package.empty() ? "" : "; install the Debian package " + t.package);
}

// `controls` are measured before the first trial, and used by all.
traces::trace run_once(
    target_plan const& t, std::optional<schedule> const& when, std::optional<target_controls>& controls) {
    if (t.what.program) return run_program(program_of(t.what, t.arguments), {.order = t.order, .decisions = when});
    if (!controls) controls = measure_controls(t.what, {&t.probe, 1});
    if (std::string const why = why_not_judged(*controls, t.what, t.probe); !why.empty())
        throw input_error(t.probe + " was not run: " + why, inconclusive);
    return run_probe(t.what, t.probe, {.order = t.order, .arguments = t.arguments, .controls = &*controls});
}

void run_target(check_plan const& c, trial_options const& o, std::atomic<bool> const& stop, observer& to) {
    if (first_trial(o) >= most_trials(c, o)) return;
    if (std::string const why = why_missing(c.target->what); !why.empty()) return to.cant_be_run(why);
    std::optional<target_controls> controls;
    repeat(c, o, stop, to, [&] { return run_once(*c.target, c.when, controls); });
}

} // namespace

gate_violation shown_by(exploration const& whole, finding const& f,
    std::function<std::string(traces::header const&)> const& again, traces::trace* example) {
    judged_execution e = judge_execution(whole.of, f.shortest);
    std::vector<traces::violation> const& all = e.judged.violations;
    auto const v = std::ranges::find_if(all, [&](traces::violation const& each) {
        return each.rule == f.rule && fingerprint(e.trace, each) == f.fingerprint;
    });
    if (v == all.end())
        throw nondeterminism(
            "a violation of " + f.rule + " did not occur again under schedule " + to_string(f.shortest));
    auto const i = static_cast<std::size_t>(v - all.begin());
    gate_violation shown = in_words(e.trace, all, traces::roots_of(e.trace, all)[i], i, again);
    shown.caused_by = causes_of(f, whole.findings); // in all executions, not in the shortest alone
    if (example) *example = std::move(e.trace);
    return shown;
}

observation observe(check_plan const& c, trial_options const& options, std::atomic<bool> const& stop) {
    observer to(c, options);
    auto const begun = std::chrono::steady_clock::now();
    try {
        if (stop) to.was_interrupted();
        else if (c.target) run_target(c, options, stop, to);
        else if (!c.strategy.empty()) explore_schedules(c, options, stop, to);
        else if (c.world == server::world_kind::sim) simulate(c, options, to);
        else
            repeat(c, options, stop, to,
                [&] { return run_live(c.scenario, {.server_path = options.server_path, .partial_path = {}}); });
    } catch (interruption const&) { to.was_interrupted(); }
    return to.result(std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
}

} // namespace shutdown_repro::repro
