#include "cli/commands/sweep_target.hpp"
#include <algorithm>
#include <chrono>
#include <vector>
#include "cli/report/kept_traces.hpp"
#include "cli/report/report.hpp"
#include "cli/report/target_report.hpp"
#include "repro/input/errors.hpp"
#include "repro/steer/steered_run.hpp"
#include "repro/steer/stop_points.hpp"
#include "repro/watch/child_story.hpp"

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
    std::string in_words() const { return step + (first ? ", the stop first" : ""); }
};

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
        try {
            sweep(all);
        } catch (repro::interruption const&) { // what was found so far is told
            report_.cut = "it was interrupted after " + counted(report_.probes.size() - 1, "stop");
            out_.progress("");
            if (!how_.json) out_.print(text());
            throw;
        }
        points_ = all.size() / 2;
        out_.progress("");
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
    }

    static std::vector<sweep_stop> stops_of(traces::trace const& t) {
        std::vector<sweep_stop> all;
        for (auto const& point : repro::steer::stop_points_of(t))
            for (bool const first : {false, true}) all.push_back({point.step, first});
        return all;
    }

    probe_result& add(sweep_stop const& stop, std::string const& stop_at) {
        target_options here = options_;
        here.stop_at = stop_at;
        here.stop_first = stop.first;
        probe_result p;
        p.probe = stop.in_words();
        p.again = again_line(here, {});
        for (std::uint32_t i = 0; i == 0 || (p.violated && i < repeats); ++i) once(p, stop, stop_at, here);
        if (p.violated) note_finding(p);
        else if (!stop_at.empty()) p.trace = {}; // only those of findings are needed
        report_.probes.push_back(std::move(p));
        return report_.probes.back();
    }

    // A server that started before and now does not makes this execution inconclusive; the others still count.
    void once(probe_result& p, sweep_stop const& stop, std::string const& stop_at, target_options const& here) {
        ++executions_;
        try {
            p.add(repro::steer::run_steered(
                target_, {.stop_at = stop_at, .stop_first = stop.first, .arguments = run_arguments(here, {})}));
        } catch (repro::input_error const& e) {
            if (report_.probes.empty() || e.exit_status != repro::inconclusive) throw;
            p.add_failure(e.what());
        }
    }

    void note_finding(probe_result& p) {
        std::string rules;
        for (auto const& [rule, count] : p.by_rule) rules += (rules.empty() ? "" : ", ") + std::string(rule);
        auto known = std::ranges::find(findings_, rules, &sweep_finding::rules);
        if (known == findings_.end()) {
            p.trace_path = folder_.keep(target_.name + "-" + std::to_string(findings_.size() + 1), p.trace);
            known = findings_.insert(findings_.end(), {rules, {}});
        }
        known->at.push_back(report_.probes.size());
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
            (report_.version.empty() ? "" : " " + report_.version) + " · " + target_.stop_in_words() +
            " at each step of its default order, with two clients\n\n";
        for (sweep_finding const& f : findings_) out += text_of(f, style);
        out += inconclusive_text(style);
        out += counted(executions_, "execution") + "\n";
        if (!report_.cut.empty()) out += "not complete: " + report_.cut + "\n";
        else if (report_.verdict() == verdict::clean)
            out += "the stop at each of the " + counted(points_, "step") +
                " of two clients' default order, before and after what the stop does: no rule broken\n";
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
    std::uint64_t executions_ = 0;
    std::size_t points_ = 0;
    std::chrono::steady_clock::time_point begun_;
};

} // namespace

int sweep_target(repro::target const& t, target_options const& o, sweep_options const& how, output& out) {
    return sweeper(t, o, how, out).run();
}

} // namespace shutdown_repro::cli
