// replay: executes a recorded trace or a schedule again and compares the traces byte by byte.
#include "repro/sim/replay.hpp"
#include "cli/commands/command.hpp"
#include "cli/commands/replay_steered.hpp"
#include "cli/options/arguments.hpp"
#include "cli/options/document_kind.hpp"
#include "cli/report/again.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/files.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {
namespace {

struct replay_options {
    std::string what, scenario, trace;
    bool json = false;
};

// Loads a trace or a schedule file; with --scenario, the argument is the schedule itself.
repro::recording recording_of(replay_options const& o) {
    if (o.scenario.empty()) {
        refuse_other_document(o.what, "schedule");
        return recording_in(o.what);
    }
    return {repro::load_scenario(o.scenario), repro::parse_schedule(o.what), {}, false};
}

std::string both_sides(repro::replay_result const& r, traces::text_style style) {
    std::string const recorded =
                          r.recorded_line.empty() ? "(the execution had ended)" : traces::printable(r.recorded_line),
                      again = r.again_line.empty() ? "(the execution has ended)" : traces::printable(r.again_line);
    return "  recorded  " + traces::wrap(recorded, style.width, 12) + "\n  now       " +
        traces::wrap(again, style.width, 12) + "\n";
}

int replay(replay_options const& o, output& out) {
    repro::recording const recorded = recording_of(o);
    if (!o.trace.empty()) expect_spared("--trace", o.trace);
    repro::replay_result r = repro::replay(recorded);
    run_report report;
    report.scenario = recorded.scenario;
    report.world = server::world_kind::sim;
    report.again = shell_line(o.scenario.empty()
            ? std::vector<std::string>{"shutdown-repro", "replay", o.what}
            : std::vector<std::string>{"shutdown-repro", "replay", o.what, "--scenario", o.scenario});
    judgement judged = judge_for_report(r.again.trace);
    report.add(std::move(r.again.trace), std::move(judged), to_string(r.again.taken));
    if (!o.trace.empty()) write_trace(report.trace_path = o.trace, report.trace, named_by::user);
    if (!r.same) {
        if (!o.json) out.print(r.recorded_line.empty() && r.again_line.empty() ? "" : both_sides(r, out.page()));
        throw repro::input_error("the replay diverged" +
                (r.recorded_line.empty() && r.again_line.empty() ? ": " : " at #" + std::to_string(r.at) + ", after ") +
                r.decision,
            repro::diverged);
    }
    std::string const same = !recorded.is_trace
        ? ""
        : "replayed: all " + traces::counted(recorded.recorded.events.size(), "event") + " are identical\n";
    out.print(o.json ? as_json(report) : same + as_text(report, out.page()));
    return status_of(report.verdict());
}

} // namespace

void add_replay(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<replay_options>();
    CLI::App* const sub = app.add_subcommand("replay", "Execute a trace, simulated or steered, or a schedule again");
    sub->add_option("TRACE|SCHEDULE", o->what,
           "Simulated or steered trace, schedule FILE.json, or with --scenario the schedule itself")
        ->required();
    sub->add_option("--scenario", o->scenario, "Scenario of the schedule: a built-in scenario or FILE.json")
        ->type_name("SCENARIO");
    sub->add_option("--trace", o->trace, "File for the new trace")->type_name("FILE");
    sub->add_flag("--json", o->json, "Print the report as one JSON document");
    sub->callback([o, &chosen] {
        chosen = [o](output& out) {
            return reporting_errors(o->json, out, [&] {
                bool const steered = o->scenario.empty() && is_steered_trace(o->what);
                return steered ? replay_steered(o->what, o->trace, o->json, out) : replay(*o, out);
            });
        };
    });
}

} // namespace shutdown_repro::cli
