// run: executes a scenario, judges it, keeps the trace of a violation, and prints the commands to type next.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <optional>
#include <unistd.h>
#include "cli/commands/command.hpp"
#include "cli/commands/run_target.hpp"
#include "cli/options/arguments.hpp"
#include "cli/options/client_options.hpp"
#include "cli/options/document_kind.hpp"
#include "cli/options/scenario_options.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/files.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"
#include "repro/live/live.hpp"
#include "repro/schedule/all_orders.hpp"
#include "repro/sim/execute.hpp"
#include "repro/target/adapter.hpp"
#include "repro/target/target.hpp"
#include "traces/format/inputs.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr server::world_kind first_world = server::world_kind::live;
constexpr std::size_t most_orders = 2'000; // the report has a line for each

struct run_options {
    scenario_options scenario;
    server::world_kind world = first_world;
    std::string schedule, trace, server, slow, stream, signal, signal_to, probes, act, target, adapter;
    client_options clients;
    std::uint32_t repeat = 1;
    bool all_orders = false, json = false, pid1 = false, steer = false, stop_first = false;
    bool has_target = false;          // --target is given, perhaps without a value
    std::vector<std::string> command; // the words after --
};

void refuse_what_does_not_fit(run_options const& o) {
    if (o.world == server::world_kind::sim && !o.server.empty())
        throw repro::input_error("--server: the simulated world starts no server; leave it out, or use --world live");
    if (o.world == server::world_kind::live && !o.schedule.empty())
        throw repro::input_error("--schedule: only the simulated world follows a schedule; add --world sim");
    if (!o.all_orders) return;
    if (o.world == server::world_kind::live)
        throw repro::input_error("--all-orders: only the simulated world can choose every order; add --world sim");
    if (!o.schedule.empty())
        throw repro::input_error("--all-orders: runs every schedule, so it can't follow one; leave --schedule out");
    if (o.repeat > 1)
        throw repro::input_error("--all-orders: repeating an order gives the same execution; leave --repeat out");
}

// Refuses options of scenarios when a real server is run.
void refuse_what_is_of_scenarios(run_options const& o) {
    scenario_options const& s = o.scenario;
    if (!s.what.empty())
        throw repro::input_error("run takes a SCENARIO or " +
            std::string(o.has_target ? "a --target" : "a command after --") + ", not both; remove \"" + s.what +
            "\" or the other");
    std::pair<char const*, bool> const given[] = {{"--world", o.world != first_world}, {"--policy", !s.policy.empty()},
        {"--requests", s.requests.has_value()}, {"--set", !s.sets.empty()}, {"--all-orders", o.all_orders},
        {"--server", !o.server.empty()}};
    for (auto const& [flag, is] : given)
        if (is)
            throw repro::input_error(std::string(flag) +
                ": only a scenario takes it; a target takes --probe, --act, --slow, --stream, --signal, --grace, "
                "--connections, --adapter and --order");
}

void refuse_what_is_of_targets(run_options const& o) {
    if (o.scenario.what.empty())
        throw repro::input_error(
            "SCENARIO is required, or --target, or a command after -- (shutdown-repro run --help)");
    std::pair<char const*, bool> const given[] = {{"--probe", !o.probes.empty()}, {"--act", !o.act.empty()},
        {"--slow", !o.slow.empty()}, {"--stream", !o.stream.empty()}, {"--signal", !o.signal.empty()},
        {"--signal-to", !o.signal_to.empty()}, {"--pid1", o.pid1}, {"--adapter", !o.adapter.empty()},
        {"--steer", o.steer}, {"--stop-first", o.stop_first}};
    auto const refuse = [](std::string const& flag) {
        throw repro::input_error(flag + ": only a real server takes it; add --target NAME, or leave it out");
    };
    for (auto const& [flag, is] : given)
        if (is) refuse(flag);
    for (auto const& [flag, value] : cli::given(o.clients)) refuse(flag);
}

target_options target_options_of(run_options const& o) {
    return {.what = o.target,
        .command = o.command,
        .probes = o.probes,
        .slow = o.slow,
        .stream = o.stream,
        .signal = o.signal,
        .signal_to = o.signal_to,
        .trace = o.trace,
        .act = o.act,
        .adapter = o.adapter,
        .clients = o.clients,
        .order = o.scenario.order,
        .schedule = o.schedule,
        .stop_at = o.scenario.stop_at,
        .free_at = o.scenario.free_at,
        .grace_ms = o.scenario.grace_ms,
        .connections = o.scenario.connections,
        .repeat = o.repeat,
        .pid1 = o.pid1,
        .json = o.json,
        .steer = o.steer,
        .stop_first = o.stop_first};
}

// Says on standard error which options of this command stand after "--", where the server gets them.
void hint_at_misplaced(std::vector<std::string> const& command, std::vector<std::string> const& options) {
    std::string names;
    for (std::string const& word : command)
        if (std::ranges::count(options, word.substr(0, word.find('='))))
            names += (names.empty() ? "" : ", ") + word.substr(0, word.find('='));
    if (!names.empty())
        std::cerr << "shutdown-repro: note: " << names << " after -- goes to the server; options of run come before --"
                  << std::endl;
}

// Throws when the file can't be written. Called before the run, so that a typing error does not waste it. Creates
// nothing.
void require_writable(std::string const& path) {
    namespace fs = std::filesystem;
    std::error_code ignored;
    fs::path const folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
    bool const exists = fs::exists(path, ignored);
    if (fs::is_directory(path, ignored))
        throw repro::input_error("--trace: " + path + " is a directory; name a file in it");
    if (access(exists ? path.c_str() : folder.c_str(), W_OK) != 0)
        throw repro::input_error(
            "--trace: can't write " + path + ": " + std::strerror(errno) + "; choose another file");
}

// The words of this command line, without options that only name where results go.
std::vector<std::string> command_line(run_options const& o) {
    std::vector<std::string> words{"shutdown-repro", "run", o.scenario.what};
    if (o.world != first_world) add_word(words, "--world", std::string(server::word_of(o.world)));
    add_words(words, o.scenario);
    add_word(words, "--server", o.server);
    add_word(words, "--schedule", o.schedule == "default" ? "" : o.schedule);
    return words;
}

// Fills in the commands that run it again (exactly, when simulated) and that try the correct policy.
void suggest(run_report& r, run_options o) {
    if (!r.schedule.empty()) o.world = server::world_kind::sim; // a live execution may record a schedule, too
    if (r.executions == 1 || o.world == server::world_kind::sim) o.repeat = 1;
    o.schedule = r.schedule;
    auto const line = [](run_options const& from) {
        auto words = command_line(from);
        if (from.repeat > 1) words.insert(words.end(), {"--repeat", std::to_string(from.repeat)});
        return shell_line(words);
    };
    r.again = line(o);
    if (policy_of(r.scenario).empty() || policy_of(r.scenario) == correct_policy) return;
    o.scenario.policy = correct_policy;
    o.schedule.clear(); // another policy has other decisions
    r.fixed = line(o);
}

class runner {
public:
    runner(run_options const& o, output& out) : options_(o), out_(out), path_(o.trace) {
        report_.scenario = scenario_of(o.scenario);
        report_.world = o.world;
        std::string name = report_.scenario.name;
        std::replace(name.begin(), name.end(), '/', '-');
        if (path_.empty()) path_ = (name.empty() ? "trace" : name) + ".jsonl";
    }

    int run() {
        traces::note_input(options_.server);
        if (!options_.trace.empty()) require_writable(options_.trace);
        expect_spared("--trace", path_);
        if (options_.all_orders) every_order();
        else
            for (std::uint32_t i = 0; i < options_.repeat; ++i) {
                if (options_.repeat > 1)
                    out_.progress(std::to_string(i) + " of " + std::to_string(options_.repeat) + " executions, " +
                        std::to_string(report_.violated) + " violated");
                once();
            }
        std::string const trouble = keep();
        suggest(report_, options_);
        out_.print(options_.json ? as_json(report_) : as_text(report_, out_.page()));
        if (trouble.empty()) return status_of(report_.verdict());
        std::cerr << "shutdown-repro: " << traces::printable(trouble)
                  << (options_.trace.empty() ? "; name another file with --trace" : "") << std::endl;
        return options_.trace.empty() ? status_of(report_.verdict())
                                      : repro::bad_input; // an error only when the user asked for the file
    }

private:
    void once() {
        traces::trace t;
        std::string schedule;
        if (options_.world == server::world_kind::sim) {
            repro::follow source(repro::parse_schedule(options_.schedule.empty() ? "default" : options_.schedule));
            simulator_.run(report_.scenario, source, t);
            if (std::string const where = source.diverged(); !where.empty())
                throw repro::input_error("--schedule: the execution diverged: " + where, repro::diverged);
            schedule = to_string(source.taken());
        } else {
            t = repro::run_live(report_.scenario, {.server_path = options_.server, .partial_path = path_});
            schedule = t.head.schedule;
        }
        judgement judged = judge_for_report(t);
        report_.add(std::move(t), std::move(judged), std::move(schedule));
    }

    void every_order() {
        repro::all_orders orders;
        do {
            if (report_.executions == most_orders)
                throw repro::input_error("--all-orders: this scenario has more than " + std::to_string(most_orders) +
                    " orders; make it smaller, for example with --requests 1, or use: explore --strategy exhaustive");
            traces::trace t;
            simulator_.run(report_.scenario, orders, t);
            judgement judged = judge_for_report(t);
            std::string schedule = t.head.schedule;
            report_.orders.push_back({schedule, judged.verdict, broken_rules(judged)});
            report_.add(std::move(t), std::move(judged), std::move(schedule));
        } while (orders.next());
    }

    // Writes the trace. Returns why that failed, or "": a violation is reported even when the disk is full.
    std::string keep() {
        if (options_.trace.empty() && report_.violated == 0) return {};
        try {
            write_trace(path_, report_.trace, options_.trace.empty() ? named_by::us : named_by::user);
        } catch (traces::trace_error const& e) { return e.what(); }
        report_.trace_path = path_;
        return {};
    }

    run_options const& options_;
    output& out_;
    std::string path_;
    run_report report_;
    repro::simulator simulator_;
};

void add_steer_flags(CLI::App& sub, run_options& o) {
    sub.add_flag("--steer", o.steer, "Let one I/O step of the server happen at a time; --stop-at names one (target)");
    sub.add_flag("--stop-first", o.stop_first,
        "Let the server handle the stop before the step of --stop-at, instead of after it (target, with --steer)");
}

} // namespace

void add_run(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<run_options>();
    CLI::App* const sub = app.add_subcommand("run", "Execute a scenario or a real server and judge it");
    add_scenario_options(*sub, o->scenario);
    auto const choose = [o](std::string const& word) { o->world = *server::parse_word<server::world_kind>(word); };
    auto const worlds = server::words<server::world_kind>();
    sub->add_option_function<std::string>("--world", choose, "live: over TCP, the default; sim: simulated, in process")
        ->check(one_of({worlds.begin(), worlds.end()}));
    sub->add_option("--schedule", o->schedule, "Decisions to take, as printed by a report (sim)")->type_name("S");
    sub->add_flag("--all-orders", o->all_orders, "Execute every order once and report each (sim)");
    sub->add_option("--repeat", o->repeat, "Number of executions (default 1)")
        ->check(whole_number(1, 1'000'000))
        ->type_name("N");
    sub->add_option("--trace", o->trace, "File for the trace; without it, only a violation is kept")->type_name("FILE");
    sub->add_option("--server", o->server, "Path of the executable server-under-test (live)")->type_name("PATH");
    sub->add_flag("--json", o->json, "Print the report as one JSON document");
    sub->get_option("SCENARIO")->required(false);
    CLI::Option const* const target =
        sub->add_option("--target", o->target,
               "Run a real server instead of a scenario: a preset (see: list targets), FILE.json, or -- COMMAND...")
            ->expected(0, 1)
            ->type_name("TARGET");
    sub->add_option("--probe", o->probes, "Probes to run, separated by commas, or all (target; see: list probes)")
        ->type_name("PROBE");
    sub->add_option("--act", o->act, "What is done to the server (target; default stop)")
        ->check(one_of({repro::act_names().begin(), repro::act_names().end()}));
    sub->add_option("--slow", o->slow, "Path that the server answers slowly (target)")->type_name("/PATH");
    sub->add_option("--stream", o->stream, "Path whose response never ends (target)")->type_name("/PATH");
    sub->add_option("--signal", o->signal, "Signal that stops the server (target)")->type_name("SIGNAL");
    auto const receivers = repro::receiver_words();
    sub->add_option("--signal-to", o->signal_to, "Processes that get the signal (target, default first)")
        ->check(one_of({receivers.begin(), receivers.end()}));
    sub->add_flag("--pid1", o->pid1, "Run the server as process 1 of a PID namespace, as in a container (target)");
    add_steer_flags(*sub, *o);
    add_client_options(*sub, o->clients);
    std::vector<std::string_view> adapters;
    for (repro::adapter_info const& a : repro::all_adapters()) adapters.push_back(a.name);
    sub->add_option("--adapter", o->adapter, "Adapter that records events inside the server (target)")
        ->check(one_of(adapters));
    std::vector<std::string> names;
    for (CLI::Option const* each : sub->get_options())
        for (std::string const& name : each->get_lnames()) names.push_back("--" + name);
    sub->callback([o, &chosen, target, names] {
        o->has_target = target->count() > 0;
        o->command = command_behind_dashes();
        hint_at_misplaced(o->command, names);
        chosen = [o](output& out) {
            return reporting_errors(o->json, out, [&] {
                if (o->has_target || !o->command.empty()) {
                    refuse_what_is_of_scenarios(*o);
                    return run_target(target_options_of(*o), out);
                }
                refuse_what_is_of_targets(*o);
                refuse_other_document(o->scenario.what, "scenario");
                refuse_what_does_not_fit(*o);
                return runner(*o, out).run();
            });
        };
    });
}

} // namespace shutdown_repro::cli
