#include "cli/commands/program_target.hpp"
#include <algorithm>
#include <iostream>
#include <set>
#include "cli/options/arguments.hpp"
#include "cli/report/again.hpp"
#include "cli/report/kept_traces.hpp"
#include "cli/report/report.hpp"
#include "cli/report/target_report.hpp"
#include "cli/terminal/files.hpp"
#include "repro/input/errors.hpp"
#include "repro/target/program_run.hpp"
#include "repro/watch/child_story.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr std::uint64_t most_program_orders = 10'000;

repro::program_order asked_for(program_options const& o) {
    repro::program_order asked{.order = o.order, .decisions = {}, .stop_at = o.stop_at, .free_at = o.free_at};
    if (o.schedule.empty()) return asked;
    if (!o.order.empty())
        throw repro::input_error("--schedule and --order both choose the order; leave one of them out");
    asked.decisions = repro::parse_schedule(o.schedule);
    return asked;
}

target_report report_of(repro::target const& t, std::uint32_t repeat) {
    target_report r;
    r.target = t;
    r.version = repro::installed_version(t).value_or("");
    r.repeat = repeat;
    return r;
}

int tell(target_report const& r, bool as_document, output& out) {
    out.progress("");
    out.print(as_document ? as_json(r) : as_text(r, out.page()));
    return status_of(r.verdict());
}

} // namespace

int run_program_target(repro::target const& t, program_options const& o, output& out) {
    repro::program_order asked = asked_for(o);
    repro::program const program = repro::program_of(t, o.arguments);
    target_report report = report_of(t, o.repeat);
    probe_result& p = report.probes.emplace_back();
    p.probe = !o.order.empty() ? o.order : !o.schedule.empty() ? o.schedule : "as it comes";
    std::string const path = !o.trace.empty() ? o.trace : t.name + (o.order.empty() ? "" : "-" + o.order) + ".jsonl";
    repro::note_inputs(t);
    expect_spared("--trace", path);
    asked.partial_path = path;
    for (std::uint32_t i = 0; i < o.repeat; ++i) {
        if (o.repeat > 1)
            out.progress(std::to_string(i) + " of " + std::to_string(o.repeat) + " executions, " +
                std::to_string(p.violated) + " violated");
        try {
            p.add(repro::run_program(program, asked));
        } catch (repro::interruption& asked_to_end) {
            if (p.violated) keep_trace(p, path, false), asked_to_end.kept = p.trace_path;
            throw;
        }
        if (p.violated) asked.partial_path.clear();
    }
    p.again = o.again;
    if (p.violated || !o.trace.empty()) keep_trace(p, path, !o.trace.empty());
    return tell(report, o.json, out);
}

int explore_program_target(
    repro::target const& t, std::string const& name_or_file, each_order_options const& o, output& out) {
    repro::note_inputs(t);
    target_report report = report_of(t, 1);
    kept_traces folder(o.keep.empty() ? "findings" : o.keep);
    std::set<std::string> kept; // the sets of violated rules of which a trace was kept
    report.all_orders = repro::run_each_order(repro::program_of(t), std::min(o.executions, most_program_orders),
        [&](repro::schedule const& taken, traces::trace const& trace) {
            probe_result& p = report.probes.emplace_back();
            p.probe = repro::to_string(taken);
            traces::trace copy;
            copy.head = trace.head, copy.foot = trace.foot, copy.problems = trace.problems;
            for (traces::event const& e : trace.events) copy.append(e);
            std::vector<std::string> const arguments{"--target", name_or_file, "--schedule", p.probe};
            copy.head.target = to_json_text(t, arguments);
            p.add(std::move(copy));
            p.again = run_line_of(arguments);
            std::string broken;
            for (auto const& [rule, count] : p.by_rule) broken += std::string(rule) + " ";
            if (p.violated && kept.insert(broken).second)
                p.trace_path = folder.keep(t.name + "-" + std::to_string(kept.size()), p.trace);
            out.progress(std::to_string(report.probes.size()) + " orders");
            return true;
        });
    return tell(report, o.json, out);
}

} // namespace shutdown_repro::cli
