#include "cli/commands/steer_target.hpp"
#include <iostream>
#include <utility>
#include "cli/report/report.hpp"
#include "cli/report/target_report.hpp"
#include "cli/terminal/files.hpp"
#include "repro/input/errors.hpp"
#include "repro/steer/exactness.hpp"
#include "repro/steer/steered_run.hpp"
#include "repro/steer/stop_points.hpp"
#include "repro/watch/child_story.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {
namespace {

void refuse_with_steer(target_options const& o) {
    std::pair<char const*, bool> const others[] = {{"--probe", !o.probes.empty()}, {"--order", !o.order.empty()},
        {"--free-at", !o.free_at.empty()}, {"--adapter", !o.adapter.empty()},
        {"--connections", o.connections.has_value()}, {"--stream", !o.stream.empty()}};
    for (auto const& [flag, is] : others)
        if (is) throw repro::input_error(std::string(flag) + ": a steered server does not take it; leave it out");
    if (o.stop_first && o.stop_at.empty())
        throw repro::input_error("--stop-first: name the step with --stop-at; list stop-points --target shows them");
}

std::string trace_file(repro::target const& t, std::string const& stop_at) {
    std::string name = t.name + "-steered" + (stop_at.empty() ? "" : "-" + stop_at);
    for (char& c : name)
        if (c == ':' || c == '#' || c == '/') c = '-';
    return name + ".jsonl";
}

} // namespace

int run_steered_target(repro::target const& t, target_options const& o, output& out) {
    refuse_with_steer(o);
    target_report report;
    report.target = t;
    report.connections = 2;
    report.repeat = o.repeat;
    if (!o.what.empty() && o.command.empty()) report.version = repro::installed_version(t).value_or("");
    probe_result& p = report.probes.emplace_back();
    p.probe = o.stop_at.empty() ? "steered" : o.stop_at;
    std::string const path = o.trace.empty() ? trace_file(t, o.stop_at) : o.trace;
    repro::note_inputs(t);
    expect_spared("--trace", path);
    repro::steer::exactness exact;
    repro::steer::act_order const order = repro::steer::parse_act_order(o.schedule);
    for (std::uint32_t i = 0; i < o.repeat; ++i) {
        if (o.repeat > 1) out.progress(std::to_string(i) + " of " + std::to_string(o.repeat) + " executions");
        try {
            repro::steer::follow_acts by_names(order);
            traces::trace seen = repro::steer::run_steered(t,
                {.stop_at = o.stop_at,
                    .stop_first = o.stop_first,
                    .chooser = order.empty() ? nullptr : &by_names,
                    .partial_path = p.violated ? "" : path,
                    .arguments = run_arguments(o, {})});
            exact.add(seen);
            p.add(std::move(seen));
        } catch (repro::interruption& asked_to_end) {
            if (p.violated) keep_trace(p, path, false), asked_to_end.kept = p.trace_path;
            throw;
        }
    }
    p.again = again_line(o, {});
    if (p.violated || !o.trace.empty()) keep_trace(p, path, !o.trace.empty());
    out.progress("");
    std::string const how_exact = exact.in_words();
    out.print(o.json ? as_json(report) : as_text(report, out.page()) + (how_exact.empty() ? "" : how_exact + "\n"));
    return status_of(report.verdict());
}

int list_steps(repro::target const& t, target_options const& o, output& out) {
    repro::note_inputs(t);
    traces::trace const seen = repro::steer::run_steered(t, {.arguments = run_arguments(o, {})});
    std::string text;
    std::size_t wide = 0;
    auto const all = repro::steer::stop_points_of(seen);
    traces::text_style const style = out.page();
    for (auto const& point : all) wide = std::max(wide, point.step.size());
    for (auto const& point : all)
        text += traces::paint(
                    style, traces::tint::strong, point.what.empty() ? point.step : traces::pad(point.step, wide)) +
            (point.what.empty() ? "" : "  " + traces::printable(point.what)) + "\n";
    out.print(text);
    if (seen.problems.empty()) return repro::clean;
    std::cerr << "shutdown-repro: these steps are not certain: " << seen.problems.front() << std::endl;
    return repro::inconclusive;
}

} // namespace shutdown_repro::cli
