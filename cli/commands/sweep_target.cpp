#include "cli/commands/sweep_target.hpp"
#include <algorithm>
#include <chrono>
#include <vector>
#include "cli/report/kept_traces.hpp"
#include "cli/report/report.hpp"
#include "cli/report/target_report.hpp"
#include "repro/input/errors.hpp"
#include "repro/steer/act_choice.hpp"
#include "repro/steer/steered_run.hpp"
#include "repro/steer/stop_points.hpp"
#include "repro/watch/child_story.hpp"
#include "traces/rules/judge.hpp"

namespace shutdown_repro::cli {
namespace {

using traces::counted;
using traces::paint;
using traces::tint;
using traces::verdict;

constexpr std::uint32_t repeats = 3; // of a stop at which a rule was broken
constexpr std::size_t most_places = 4;

struct sweep_stop {
    std::string step;
    bool first;
    std::string schedule = {}; // of the acts of its clients; "" for the default order
    std::string in_words() const {
        std::string const stop = step.empty() ? "after all requests" : step + (first ? ", the stop first" : "");
        return schedule.empty() ? stop : stop + ", in the order " + schedule;
    }
};

std::string_view trouble_of_repeats = "a rule was broken once, and in none of the repetitions";

// Stops at which the same rules were broken.
struct sweep_finding {
    std::string rules;
    std::vector<std::size_t> at; // indices of probes of the report
};

class sweeper {
public:
    sweeper(repro::target const& t, target_options const& o, sweep_options const& how, output& out)
        : target_(t),
          options_(o),
          how_(how),
          out_(out),
          folder_(how.keep.empty() ? "findings" : how.keep) {
        options_.steer = true;
        report_.target = t;
        report_.connections = 2;
        if (!o.what.empty() && o.command.empty()) report_.version = repro::installed_version(t).value_or("");
    }

    int run() {
        repro::note_inputs(target_);
        begun_ = std::chrono::steady_clock::now();
        probe_result& base = add({"the default order", false}, {});
        std::vector<sweep_stop> const all = stops_of(base.trace);
        if (base.verdict() == verdict::inconclusive) report_.cut = "its default order is inconclusive";
        bool const every = how_.strategy == "auto";
        try {
            if (every || how_.strategy == "sweep") sweep(all);
            if (every || how_.strategy == "orders") search_orders();
            if (how_.strategy == "random" || (every && orders_complete_)) try_random_orders();
        } catch (repro::interruption const&) { // what was found so far is told
            report_.cut = "it was interrupted after " + counted(report_.probes.size() - 1, "stop");
            out_.progress("");
            keep_findings();
            if (!how_.json) out_.print(text());
            throw;
        }
        out_.progress("");
        keep_findings();
        out_.print(how_.json ? as_json(report_) : text());
        return status_of(report_.verdict());
    }

private:
    void sweep(std::vector<sweep_stop> const& all) {
        for (sweep_stop const& one : all) {
            if (report_.probes.size() > how_.executions) {
                report_.cut =
                    "only " + counted(how_.executions, "stop") + " of " + std::to_string(all.size()) + " were tried";
                return;
            }
            out_.progress(progress(all.size()));
            add(one, one.step);
        }
        points_ = all.size() / 2;
    }

    bool limit_reached() {
        if (report_.probes.size() <= how_.executions) return false;
        if (report_.cut.empty()) report_.cut = "only " + counted(orders_, "order") + " were tried";
        return true;
    }

    void search_orders() {
        repro::steer::all_act_orders all;
        do {
            if (limit_reached()) return;
            add_order(all);
        } while (all.next());
        orders_complete_ = true;
    }

    void try_random_orders() {
        for (std::uint64_t n = 0; report_.probes.size() <= how_.executions; ++n) {
            repro::steer::random_acts at_random(how_.seed + n);
            add_order(at_random);
            ++random_;
        }
    }

    // Runs one order, and repeats it by its names when it breaks a rule: only that is a finding, and its trace is kept.
    void add_order(repro::steer::act_chooser& chooser) {
        out_.progress(std::to_string(orders_) + " orders  " + counted(findings_.size(), "finding"));
        ++orders_;
        ++executions_;
        probe_result p;
        sweep_stop stop{"", false};
        try {
            traces::trace seen =
                repro::steer::run_steered(target_, {.chooser = &chooser, .arguments = run_arguments(options_, {})});
            repro::steer::taken_acts const taken = repro::steer::acts_taken_in(seen);
            stop = {taken.stop_at, taken.stop_first, to_string(taken.acts)};
            if (traces::judge(seen).verdict == verdict::violated) repeat_order(p, stop);
            else p.add(std::move(seen));
        } catch (repro::input_error const& e) {
            if (e.exit_status != repro::inconclusive) throw;
            p.add_failure(e.what());
        }
        p.probe = stop.in_words();
        p.again = again_line(options_of(stop), {});
        if (p.violated) note_finding(p);
        else p.trace = {};
        acts_.push_back(static_cast<std::size_t>(std::ranges::count(stop.schedule, '=')));
        report_.probes.push_back(std::move(p));
    }

    void repeat_order(probe_result& p, sweep_stop const& stop) {
        for (std::uint32_t i = 0; i < repeats; ++i) once(p, stop, stop.step, options_of(stop));
        if (!p.violated) p.add_failure(std::string(trouble_of_repeats));
    }

    target_options options_of(sweep_stop const& stop) const {
        target_options here = options_;
        here.stop_at = stop.step;
        here.stop_first = stop.first;
        here.schedule = stop.schedule;
        return here;
    }

    static std::vector<sweep_stop> stops_of(traces::trace const& t) {
        std::vector<sweep_stop> all;
        for (auto const& point : repro::steer::stop_points_of(t))
            for (bool const first : {false, true}) all.push_back({point.step, first});
        return all;
    }

    probe_result& add(sweep_stop const& stop, std::string const& stop_at) {
        target_options here = options_of(stop);
        here.stop_at = stop_at;
        probe_result p;
        p.probe = stop.in_words();
        p.again = again_line(here, {});
        for (std::uint32_t i = 0; i == 0 || (p.violated && i < repeats); ++i) once(p, stop, stop_at, here);
        if (p.violated) note_finding(p);
        else if (!stop_at.empty()) p.trace = {}; // only those of findings are needed
        acts_.push_back(0);
        report_.probes.push_back(std::move(p));
        return report_.probes.back();
    }

    // A server that started before and now does not makes this execution inconclusive; the others still count.
    void once(probe_result& p, sweep_stop const& stop, std::string const& stop_at, target_options const& here) {
        ++executions_;
        repro::steer::follow_acts by_names(repro::steer::parse_act_order(stop.schedule));
        try {
            p.add(repro::steer::run_steered(target_,
                {.stop_at = stop_at,
                    .stop_first = stop.first,
                    .chooser = stop.schedule.empty() ? nullptr : &by_names,
                    .arguments = run_arguments(here, {})}));
        } catch (repro::input_error const& e) {
            if (report_.probes.empty() || e.exit_status != repro::inconclusive) throw;
            p.add_failure(e.what());
        }
    }

    void note_finding(probe_result const& p) {
        std::string rules;
        for (auto const& [rule, count] : p.by_rule) rules += (rules.empty() ? "" : ", ") + std::string(rule);
        auto known = std::ranges::find(findings_, rules, &sweep_finding::rules);
        if (known == findings_.end()) known = findings_.insert(findings_.end(), {rules, {}});
        known->at.push_back(report_.probes.size());
    }

    // The first of a finding is the one with the shortest order, and its trace is kept.
    void keep_findings() {
        for (std::size_t i = 0; i < findings_.size(); ++i) {
            std::vector<std::size_t>& at = findings_[i].at;
            std::ranges::stable_sort(at, {}, [this](std::size_t n) { return acts_[n]; });
            probe_result& first = report_.probes[at.front()];
            first.trace_path = folder_.keep(target_.name + "-" + std::to_string(i + 1), first.trace);
        }
    }

    std::string progress(std::size_t of) const {
        double const took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
        double const each = took / static_cast<double>(report_.probes.size());
        auto const left = static_cast<std::uint64_t>(each * static_cast<double>(of + 1 - report_.probes.size()));
        return std::to_string(report_.probes.size() - 1) + " of " + counted(of, "stop") + "  " +
            counted(findings_.size(), "finding") + "  " + std::to_string(left) + " s left";
    }

    std::string text() const {
        traces::text_style const style = out_.page();
        std::string out = paint(style, tint::strong, target_.name) +
            (report_.version.empty() ? "" : " " + report_.version) + " · " + target_.stop_in_words() + " at " +
            where() + ", with two clients\n\n";
        for (sweep_finding const& f : findings_) out += text_of(f, style);
        out += inconclusive_text(style);
        out += counted(executions_, "execution") + "\n";
        if (!report_.cut.empty()) out += "not complete: " + report_.cut + "\n";
        else if (report_.verdict() == verdict::clean) out += guarantees();
        return out;
    }

    std::string where() const {
        if (how_.strategy == "orders") return "its waits, in each order of its clients' acts";
        if (how_.strategy == "random") return "its waits, in random orders of its clients' acts";
        return "each step of its default order" + std::string(how_.strategy == "auto" ? ", then in other orders" : "");
    }

    std::string guarantees() const {
        std::string out;
        if (points_)
            out += "the stop at each of the " + counted(points_, "step") +
                " of two clients' default order, before and after what the stop does: no rule broken\n";
        if (orders_complete_)
            out += "each of the " + counted(orders_ - random_, "order") +
                " in which two clients' acts and the stop can come at the server's waits, those that differ only in "
                "steps on other connections once: no rule broken\n";
        if (random_)
            out += counted(random_, "random order") + " with seed " + std::to_string(how_.seed) + ": no rule broken\n";
        return out;
    }

    std::string text_of(sweep_finding const& f, traces::text_style style) const {
        probe_result const& shown = report_.probes[f.at.front()];
        std::string out = paint(style, tint::bad, "✗") + " " + paint(style, tint::strong, f.rules) + "  at " +
            std::to_string(f.at.size()) + " of " + counted(report_.probes.size(), "stop") + ", " +
            std::to_string(shown.violated) + " of " + std::to_string(shown.runs) + " times at the first\n";
        if (!shown.judged.violations.empty())
            out +=
                "  " + traces::wrap(traces::printable(shown.judged.violations.front().message), style.width, 2) + "\n";
        for (std::size_t i = 0; i < f.at.size() && i < most_places; ++i)
            out += "  at " + report_.probes[f.at[i]].probe + "\n";
        if (f.at.size() > most_places) out += "  and " + std::to_string(f.at.size() - most_places) + " more\n";
        return out + next_command("again", shown.again, style) + "\n";
    }

    std::string inconclusive_text(traces::text_style style) const {
        std::uint64_t count = 0;
        std::string why;
        for (probe_result const& p : report_.probes)
            if (p.inconclusive && !p.violated && !count++) why = p.probe + ": " + p.trouble();
        return count ? paint(style, tint::warn, "?") + " " + std::to_string(count) + " inconclusive, the first at " +
                traces::printable(why) + "\n"
                     : "";
    }

    repro::target const& target_;
    target_options options_;
    sweep_options const& how_;
    output& out_;
    kept_traces folder_;
    target_report report_;
    std::vector<sweep_finding> findings_;
    std::vector<std::size_t> acts_; // of each probe of the report: the number of acts in its order, 0 for the default
    std::uint64_t executions_ = 0, orders_ = 0, random_ = 0; // orders_: also those at random
    bool orders_complete_ = false;
    std::size_t points_ = 0; // 0 unless the sweep was complete
    std::chrono::steady_clock::time_point begun_;
};

} // namespace

int sweep_target(repro::target const& t, target_options const& o, sweep_options const& how, output& out) {
    return sweeper(t, o, how, out).run();
}

} // namespace shutdown_repro::cli
