// shrink: finds a smaller execution with the same violation.
#include "repro/explore/shrink.hpp"
#include <atomic>
#include "cli/commands/command.hpp"
#include "cli/options/arguments.hpp"
#include "cli/report/again.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/files.hpp"
#include "cli/terminal/interruptible.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"
#include "repro/sim/replay.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {
namespace {

struct shrink_options {
    std::string what, rule, trace;
    bool json = false;
};

std::string path_beside(std::string const& path) {
    std::size_t const dot = path.rfind(".json");
    return path.substr(0, dot) + ".shrunk.jsonl";
}

traces::violation const& chosen_violation(repro::judged_execution const& e, shrink_options const& o) {
    for (traces::violation const& v : e.judged.violations)
        if (o.rule.empty() ? v.level != traces::severity::note : v.rule == o.rule) return v;
    throw repro::input_error(o.rule.empty() ? o.what + " has no violation: there is nothing to shrink"
                                            : "--rule: " + o.what + " does not violate " + o.rule,
        repro::nothing_selected);
}

int shrink(shrink_options const& o, output& out) {
    repro::recording const r = recording_in(o.what);
    std::string const path = o.trace.empty() ? path_beside(o.what) : o.trace;
    expect_spared("--trace", path);
    repro::judged_execution const failing = repro::judge_execution(r.scenario, r.schedule);
    if (!failing.diverged.empty())
        throw repro::input_error("the replay diverged: " + failing.diverged, repro::diverged);
    std::string const wrong = repro::what_went_wrong(failing.trace, chosen_violation(failing, o));
    signal_guard const while_shrinking;
    repro::shrink_result const small = repro::shrink(r.scenario, r.schedule, wrong, asked_to_stop());
    repro::judged_execution e = repro::judge_execution(small.scenario, small.schedule);
    write_trace(path, e.trace, o.trace.empty() ? named_by::us : named_by::user);

    run_report report;
    report.scenario = small.scenario;
    report.world = server::world_kind::sim;
    report.trace_path = path;
    report.again = shell_line({"shutdown-repro", "replay", path});
    judgement judged = judge_for_report(e.trace);
    report.add(std::move(e.trace), std::move(judged), to_string(small.schedule));
    std::string const done = "from " + load_in_words(r.scenario) + ", " +
        traces::counted(repro::away_from_default(r.schedule), "decision") + " away from the default\nto " +
        load_in_words(small.scenario) + ", " + traces::counted(repro::away_from_default(small.schedule), "decision") +
        ", in " + traces::counted(small.executions, "execution") + ": " + wrong + "\n\n";
    out.print(o.json ? as_json(report) : done + as_text(report, out.page()));
    return status_of(report.verdict());
}

} // namespace

void add_shrink(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<shrink_options>();
    CLI::App* const sub = app.add_subcommand("shrink", "Find a smaller execution with the same violation");
    sub->add_option("TRACE|SCHEDULE", o->what, "Simulated trace or schedule FILE.json")->required();
    sub->add_option("--rule", o->rule, "Rule whose violation must remain (default: the first violation)")
        ->type_name("RULE");
    sub->add_option("--trace", o->trace, "File for the smaller trace (default NAME.shrunk.jsonl beside the input)")
        ->type_name("FILE");
    sub->add_flag("--json", o->json, "Print the report as one JSON document");
    sub->callback([o, &chosen] {
        chosen = [o](output& out) { return reporting_errors(o->json, out, [&] { return shrink(*o, out); }); };
    });
}

} // namespace shutdown_repro::cli
