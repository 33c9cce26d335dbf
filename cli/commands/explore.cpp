// explore: searches the schedules of a scenario for violations. When it finds none, it prints what that guarantees.
#include <algorithm>
#include <chrono>
#include <iterator>
#include "cli/commands/command.hpp"
#include "cli/commands/program_target.hpp"
#include "cli/commands/run_target.hpp"
#include "cli/commands/sweep_target.hpp"
#include "cli/options/arguments.hpp"
#include "cli/options/scenario_options.hpp"
#include "cli/options/shard.hpp"
#include "cli/report/explored.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/interruptible.hpp"
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {
namespace {

struct explore_options {
    scenario_options scenario;
    repro::explore_options how;
    std::string keep, shard;
    target_options target;
    std::string only_for_scenarios; // an option of the command line that a target does not take
    bool json = false, has_strategy = false, has_executions = false;
};

constexpr std::uint64_t random_orders = 200; // of a target, where --executions does not say more

std::string bar(double part) {
    std::string out;
    for (int i = 0; i < 24; ++i) out += i < part * 24 ? "█" : "░";
    return out;
}

int explore(explore_options const& o, output& out) {
    repro::explore_options how = o.how;
    auto const shard = choose_shard(o.shard);
    if (shard) how.shard = shard->part;
    repro::scenario const open = explored_scenario_of(o.scenario);
    auto const begun = std::chrono::steady_clock::now();
    auto const seconds = [&] {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    };
    auto const tell = [&](repro::explore_progress const& p) {
        double const part = p.of ? static_cast<double>(p.executions) / static_cast<double>(p.of) : 0, took = seconds();
        out.progress(bar(part) + " " + traces::pad_left(std::to_string(static_cast<int>(part * 100)), 3) + " %  " +
            repro::with_commas(p.executions) + " executions  " +
            repro::with_commas(
                static_cast<std::uint64_t>(static_cast<double>(p.executions) / std::max(took, 0.001) / 1000)) +
            "k/s  " + traces::counted(p.findings, "finding") + "  " + std::string(p.strategy));
    };
    exploration_report report;
    {
        signal_guard const while_exploring;
        report.found = repro::explore(open, how, asked_to_stop(), tell);
        report.took_seconds = seconds();
        report.how = how;
        if (shard) report.shard_from = shard->from;
        report.fixed = fixed_line({"shutdown-repro", "explore", o.scenario.what}, open, o.scenario);
        if (!report.found.interrupted) keep_findings(report, o.keep, asked_to_stop());
    }
    out.print(o.json ? as_json(report) : as_text(report, out.page()));
    return status_of(report.found.verdict());
}

// Returns the first option of the command line that says something about a scenario only, or "".
std::string option_of_scenarios(CLI::App const& explore) {
    static constexpr std::string_view of_targets[] = {"--target", "--slow", "--signal", "--grace", "--strategy",
        "--executions", "--seed", "--keep", "--json", "SCENARIO"};
    for (CLI::Option const* const o : explore.get_options()) {
        std::string const name = o->get_name(); // "--json", or the name of a positional
        if (o->count() && std::ranges::find(of_targets, name) == std::end(of_targets)) return name;
    }
    return {};
}

// Explores a scenario, or a real server.
int explore_either(explore_options const& asked, bool has_target, output& out) {
    explore_options o = asked;
    bool const real = has_target || !o.target.command.empty();
    if (!real && o.scenario.what.empty())
        throw repro::input_error("SCENARIO is required, or --target (shutdown-repro explore --help)");
    if (!real) {
        if (!o.target.slow.empty() || !o.target.signal.empty())
            throw repro::input_error("--slow, --signal: only a real server takes them; add --target");
        if (o.how.strategy == "orders")
            throw repro::input_error("--strategy orders: only a real server is explored by it; add --target");
        return explore(o, out);
    }
    if (!o.scenario.what.empty())
        throw repro::input_error(
            "explore takes a SCENARIO or a --target, not both; remove \"" + o.scenario.what + "\" or --target");
    if (!o.only_for_scenarios.empty())
        throw repro::input_error(o.only_for_scenarios + ": only scenarios are explored with it; remove it");
    static constexpr std::string_view of_targets[] = {"sweep", "orders", "random", "auto"};
    std::string const strategy = o.has_strategy ? std::string(o.how.strategy) : "sweep";
    if (std::ranges::find(of_targets, strategy) == std::end(of_targets))
        throw repro::input_error("--strategy " + strategy + ": a target is explored by sweep, orders, random or auto");
    bool const few = !o.has_executions && strategy != "sweep" && strategy != "orders";
    o.target.grace_ms = o.scenario.grace_ms;
    return explore_target(o.target,
        {.executions = few ? random_orders : o.how.executions,
            .keep = o.keep,
            .strategy = strategy,
            .seed = o.how.seed,
            .json = o.json},
        out);
}

} // namespace

void add_explore(CLI::App& app, job& chosen) {
    auto const o = std::make_shared<explore_options>();
    o->how.jobs = 1;
    CLI::App* const sub =
        app.add_subcommand("explore", "Search the schedules of a scenario for violations (simulated)");
    add_scenario_options(*sub, o->scenario);
    std::vector<std::string_view> names{"auto"};
    for (repro::strategy_info const& s : repro::all_strategies()) names.push_back(s.name);
    names.emplace_back("orders");
    sub->add_option("--strategy", o->how.strategy,
           "Search strategy (default auto; see: list strategies; of a target: sweep, the default, orders, random, "
           "auto)")
        ->check(one_of(names));
    sub->add_option("--executions", o->how.executions, "Maximum number of executions (default 20000)")
        ->check(whole_number(1, 1'000'000'000'000))
        ->type_name("N");
    sub->add_option("--seconds", o->how.seconds, "Maximum duration in seconds")
        ->check(CLI::PositiveNumber)
        ->type_name("S");
    sub->add_option("--seed", o->how.seed, "Random seed (default 1)")->check(natural_number())->type_name("S");
    sub->add_option("--jobs", o->how.jobs, "Number of threads (default 1)")
        ->check(whole_number(1, 256))
        ->type_name("J");
    add_shard_option(*sub, o->shard);
    sub->add_option("--verify", o->how.verify_every, "Run every N-th execution again and compare the traces")
        ->check(whole_number(1, 1'000'000'000))
        ->type_name("N");
    sub->add_option("--keep", o->keep, "Folder for the traces of the findings (default findings)")->type_name("DIR");
    sub->add_flag("--json", o->json, "Print the report as one JSON document");
    sub->get_option("SCENARIO")->required(false);
    CLI::Option const* const target =
        sub->add_option("--target", o->target.what,
               "Stop a real server at each of its steps, or run a program in every order, instead of a scenario "
               "(see: list targets)")
            ->expected(0, 1)
            ->type_name("TARGET");
    sub->add_option("--slow", o->target.slow, "Path that the server answers slowly (target)")->type_name("/PATH");
    sub->add_option("--signal", o->target.signal, "Signal that stops the server (target)")->type_name("SIGNAL");
    sub->callback([o, sub, target, &chosen] {
        bool const has_target = target->count() > 0;
        o->has_strategy = sub->count("--strategy") > 0;
        o->has_executions = sub->count("--executions") > 0;
        o->only_for_scenarios = option_of_scenarios(*sub);
        o->target.command = command_behind_dashes();
        chosen = [o, has_target](output& out) {
            return reporting_errors(o->json, out, [&] { return explore_either(*o, has_target, out); });
        };
    });
}

} // namespace shutdown_repro::cli
