#include "cli/commands/run_target.hpp"
#include <algorithm>
#include <iostream>
#include <ranges>
#include <utility>
#include "cli/commands/program_target.hpp"
#include "cli/commands/steer_target.hpp"
#include "cli/commands/sweep_target.hpp"
#include "cli/options/arguments.hpp"
#include "cli/options/document_kind.hpp"
#include "cli/report/again.hpp"
#include "cli/report/report.hpp"
#include "cli/report/target_report.hpp"
#include "cli/terminal/files.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"
#include "repro/probe/probe.hpp"
#include "repro/watch/child_story.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr std::string_view first_probe = "in-flight", every_probe = "all", traffic_probe = "traffic";

// Returns the value of --signal.
int signal_of(std::string const& name) {
    int const signal = repro::parse_signal(name);
    if (!signal)
        throw repro::input_error("--signal must be the name of a signal such as SIGTERM, not \"" + name + "\"");
    if (!repro::can_be_handled(signal))
        throw repro::input_error("--signal can't be " + name + ": no process can handle that signal");
    return signal;
}

repro::target target_of(target_options const& o) {
    if (o.what.empty() && o.command.empty())
        throw repro::input_error("--target needs a NAME (list targets), a FILE.json, or a command after --, as in: "
                                 "run -- ./server --port {port}");
    refuse_other_document(o.what, "target");
    repro::target t = o.what.empty() ? repro::target_from_command(o.command) : repro::load_target(o.what);
    if (!o.command.empty()) t.command = o.command;
    if (!o.slow.empty()) {
        t.slow = request_option("--slow", o.slow);
        t.slow_stream.path.clear(); // use only the slow URL that the user named
    }
    if (!o.stream.empty()) t.stream = request_option("--stream", o.stream);
    apply(o.clients, t);
    if (!o.act.empty()) repro::choose_act(t, o.act);
    if (!o.signal.empty() && t.act.what != repro::act_kind::stop) {
        if (t.act.what != repro::act_kind::reload && t.act.what != repro::act_kind::upgrade)
            throw repro::input_error("--signal: a " + std::string(name_of(t.act.what)) + " is told by no signal");
        t.act.order.by = repro::stop_method::signal;
        t.act.order.signal = signal_of(o.signal);
    } else if (!o.signal.empty()) {
        t.stop.by = repro::target::stop_method::signal;
        t.stop.signal = signal_of(o.signal);
        if (t.wrong_signal == t.stop.signal) t.wrong_signal = 0;
    }
    if (!o.signal_to.empty()) t.signal_to = *repro::parse_receivers(o.signal_to);
    if (o.pid1) t.pid1 = true;
    if (o.grace_ms) t.grace_ms = *o.grace_ms;
    if (!o.adapter.empty()) t.adapter = o.adapter;
    return t;
}

// Returns the value of --probe. The default is requests in flight, or every applicable probe when no slow URL is known.
std::string asked_of(target_options const& o, repro::target const& t) {
    if (!o.probes.empty()) return o.probes;
    if (t.act.what != repro::act_kind::stop) return std::string(traffic_probe);
    return std::string(repro::why_not(t, first_probe).empty() ? first_probe : every_probe);
}

std::vector<std::string> probes_of(std::string const& asked) {
    std::vector<std::string> names;
    if (asked == every_probe) {
        for (auto const grade : {repro::probe_grade::usual, repro::probe_grade::strict})
            for (repro::probe_info const& p : repro::all_probes())
                if (p.grade == grade) names.emplace_back(p.name);
        return names;
    }
    for (auto const& part : asked | std::views::split(',')) {
        std::string const name(part.begin(), part.end());
        if (std::ranges::count(names, name)) throw repro::input_error("--probe names " + name + " twice");
        names.push_back(name);
    }
    return names;
}

class target_runner {
public:
    target_runner(target_options const& o, repro::target t, output& out) : options_(o), out_(out) {
        report_.target = std::move(t);
        report_.connections = options_.connections.value_or(repro::probe_options{}.connections);
        report_.repeat = o.repeat;
        std::string const asked = asked_of(o, report_.target);
        for (std::string const& name : probes_of(asked)) {
            probe_result& p = report_.probes.emplace_back();
            p.probe = name;
            p.grade = repro::grade_of(name);
            p.counts = p.grade == repro::probe_grade::usual || asked != every_probe || o.clients.strict;
            p.skipped = repro::why_not(report_.target, name);
            if (!p.skipped.empty() && asked != every_probe)
                throw repro::input_error("--probe " + name + ": " + report_.target.name + ": " + p.skipped);
        }
        if (!o.trace.empty() && report_.probes.size() > 1)
            throw repro::input_error(
                "--trace: several probes can't share one file; leave it out, and the trace of each "
                "violated probe is kept as " +
                report_.target.name + "-PROBE.jsonl");
    }

    int run() {
        repro::note_inputs(report_.target);
        for (probe_result const& p : report_.probes) expect_spared("--trace", path_of(p));
        if (!options_.what.empty() && options_.command.empty())
            report_.version = repro::installed_version(report_.target).value_or("");
        compare_with_controls();
        for (probe_result& p : report_.probes)
            if (p.skipped.empty()) probe(p);
        out_.progress("");
        out_.print(options_.json ? as_json(report_) : as_text(report_, out_.page()));
        return status_of(report_.verdict());
    }

private:
    // The controls are measured once, before the first probe.
    void compare_with_controls() {
        std::vector<std::string> names;
        std::string partial;
        for (probe_result const& p : report_.probes)
            if (p.skipped.empty()) {
                if (names.empty()) partial = path_of(p);
                names.push_back(p.probe);
            }
        if (names.empty()) return;
        out_.progress("controls");
        report_.controls = repro::measure_controls(report_.target, names, partial);
        started_ = true;
    }

    void probe(probe_result& p) {
        p.again = again_line(options_, p.probe);
        if (std::string const why = why_not_judged(*report_.controls, report_.target, p.probe); !why.empty())
            return p.add_failure("not run: " + why);
        for (std::uint32_t i = 0; i < options_.repeat; ++i) {
            out_.progress(p.probe +
                (options_.repeat > 1 ? ": " + std::to_string(i) + " of " + std::to_string(options_.repeat) + " runs"
                                     : ""));
            try {
                once(p);
            } catch (repro::interruption& asked_to_end) {
                if (p.violated) keep(p), asked_to_end.kept = p.trace_path;
                throw;
            }
        }
        if (p.violated || !options_.trace.empty()) keep(p);
    }

    // A server that started before and now does not makes this run inconclusive; the earlier runs still count.
    void once(probe_result& p) {
        try {
            p.add(repro::run_probe(report_.target, p.probe,
                {.connections = report_.connections,
                    .order = options_.order,
                    .stop_at = options_.stop_at,
                    .partial_path = p.violated ? "" : path_of(p),
                    .arguments = run_arguments(options_, p.probe),
                    .controls = &*report_.controls}));
            started_ = true;
        } catch (repro::input_error const& e) {
            if (!started_ || e.exit_status != repro::inconclusive) throw;
            p.add_failure(e.what());
        }
    }

    std::string path_of(probe_result const& p) const {
        return options_.trace.empty() ? report_.target.name + "-" + p.probe + ".jsonl" : options_.trace;
    }

    void keep(probe_result& p) { keep_trace(p, path_of(p), !options_.trace.empty()); }

    target_options const& options_;
    output& out_;
    target_report report_;
    bool started_ = false;
};

} // namespace

// Refuses options of probed servers for a program that runs to its end, and the other way round.
void refuse_what_does_not_fit(target_options const& o, bool program) {
    std::pair<char const*, bool> const of_servers[] = {{"--probe", !o.probes.empty()}, {"--act", !o.act.empty()},
        {"--slow", !o.slow.empty()}, {"--stream", !o.stream.empty()}, {"--signal", !o.signal.empty()},
        {"--signal-to", !o.signal_to.empty()}, {"--pid1", o.pid1}, {"--connections", o.connections.has_value()}};
    std::pair<char const*, bool> const of_programs[] = {
        {"--schedule", !o.schedule.empty() && !o.steer}, {"--free-at", !o.free_at.empty()}};
    auto const refuse = [](std::string const& flag) {
        throw repro::input_error(
            flag + ": this target is a program that sends its own requests and stops itself; leave it out");
    };
    for (auto const& [flag, is] : of_servers)
        if (program && is) refuse(flag);
    for (auto const& [flag, value] : given(o.clients))
        if (program) refuse(flag);
    for (auto const& [flag, is] : of_programs)
        if (!program && is)
            throw repro::input_error(std::string(flag) +
                ": only scenarios and targets that are programs, such as mojolicious-timer, take it; leave it out");
}

std::vector<std::string> run_arguments(target_options const& o, std::string const& probe, std::uint32_t repeat) {
    std::vector<std::string> words;
    auto const add = [&](char const* flag, std::string const& value) {
        if (!value.empty()) words.insert(words.end(), {flag, value});
    };
    add("--target", o.what);
    add("--act", o.act);
    add("--probe", probe);
    add("--slow", o.slow);
    add("--stream", o.stream);
    add("--signal", o.signal);
    add("--signal-to", o.signal_to);
    if (o.pid1) words.emplace_back("--pid1");
    if (o.steer) words.emplace_back("--steer");
    add("--adapter", o.adapter);
    add("--order", o.order);
    add("--schedule", o.schedule);
    add("--stop-at", o.stop_at);
    if (o.stop_first) words.emplace_back("--stop-first");
    add("--free-at", o.free_at);
    for (auto const& [flag, value] : given(o.clients)) {
        words.push_back(flag);
        if (!value.empty()) words.push_back(value);
    }
    if (o.grace_ms) add("--grace", std::to_string(*o.grace_ms));
    if (o.connections) add("--connections", std::to_string(*o.connections));
    if (repeat > 1) add("--repeat", std::to_string(repeat));
    if (!o.command.empty()) words.push_back("--");
    words.insert(words.end(), o.command.begin(), o.command.end());
    return words;
}

std::string again_line(target_options const& o, std::string const& probe) {
    return run_line_of(run_arguments(o, probe, o.repeat));
}

int run_target(target_options const& o, output& out) {
    repro::target t = target_of(o); // once: the file may be a pipe
    refuse_what_does_not_fit(o, t.program);
    if (o.steer) return run_steered_target(t, o, out);
    if (o.stop_first) throw repro::input_error("--stop-first: only a steered server takes it; add --steer");
    if (!t.program && !o.order.empty() && t.adapter.empty())
        throw repro::input_error("--order: only an adapter can choose which handle is served first; add --adapter");
    if (!t.program && !o.stop_at.empty() && t.adapter.empty())
        throw repro::input_error(
            "--stop-at: name a step and add --steer (list stop-points --target), or a point of an adapter "
            "and add --adapter");
    if (t.program)
        return run_program_target(t,
            {.order = o.order,
                .schedule = o.schedule,
                .stop_at = o.stop_at,
                .free_at = o.free_at,
                .trace = o.trace,
                .again = again_line(o, {}),
                .arguments = run_arguments(o, {}),
                .repeat = o.repeat,
                .json = o.json},
            out);
    return target_runner(o, std::move(t), out).run();
}

repro::target target_chosen_by(target_options const& o) { return target_of(o); }

int list_stop_points(target_options const& o, output& out) { return list_steps(target_of(o), o, out); }

int explore_target(target_options const& o, explore_target_options const& how, output& out) {
    repro::target const t = target_of(o);
    if (!t.program)
        return sweep_target(t, o,
            {.executions = how.executions,
                .keep = how.keep,
                .strategy = how.strategy,
                .seed = how.seed,
                .json = how.json},
            out);
    return explore_program_target(t, o.what, {.executions = how.executions, .keep = how.keep, .json = how.json}, out);
}

} // namespace shutdown_repro::cli
