// list: prints the names that the other subcommands take.
#include <algorithm>
#include "cli/commands/command.hpp"
#include "cli/commands/run_target.hpp"
#include "cli/options/arguments.hpp"
#include "repro/explore/strategy.hpp"
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "repro/probe/probe.hpp"
#include "repro/scenario/moments.hpp"
#include "repro/scenario/scenario.hpp"
#include "repro/target/presets.hpp"
#include "repro/target/target.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::cli {
namespace {

using traces::text_style;
using traces::tint;

using table_rows = std::vector<std::pair<std::string, std::string>>;

std::string table(table_rows const& all, text_style style) {
    std::size_t wide = 0;
    for (auto const& [name, text] : all) wide = std::max(wide, traces::columns(name));
    std::string out;
    for (auto const& [name, text] : all)
        out += traces::paint(style, tint::strong, traces::pad(name, wide)) + "  " +
            traces::wrap(text, style.width, wide + 2) + "\n";
    return out;
}

std::string scenarios(text_style style) {
    table_rows all;
    for (repro::scenario const& s : repro::builtin_scenarios()) all.emplace_back(s.name, s.summary);
    return table(all, style);
}

std::string rules(text_style style) {
    table_rows all;
    for (traces::rule_info const& r : traces::all_rules())
        all.emplace_back(r.id, std::string(name_of(r.level)) + " · " + std::string(r.summary));
    return table(all, style);
}

std::string policies(text_style style) {
    using server::policy;
    auto const heading = [style](char const* text) { return traces::paint(style, tint::faint, text) + "\n"; };
    return heading("policies of the scoped server:") +
        table({{std::string(name_of(policy::as_reported)),
                   "behaves as in the report: stop drains nothing, free releases the server"},
                  {std::string(name_of(policy::upstream_fix)),
                      "behaves as the upstream fix: wait for the grace period, cancel, wait for the cancellation; "
                      "it still has violations"},
                  {std::string(name_of(policy::drained)), "correct: no scope is disposed before it is strictly empty"}},
            style) +
        "\n" + heading("policies of the reactor server:") +
        table({{"as-reported",
                   "behaves as in the report: callbacks hold the server weakly, and the drain callback does not check "
                   "that the server still exists"},
                  {"guard-self",
                      "the first fix that the report proposes: a drain callback returns when its server is freed"},
                  {"strong-self", "a drain callback keeps the server alive until it has run"},
                  {"close-on-destroy", "the server's destructor finishes the open transactions"},
                  {"deferred-destroy", "a dropped server is freed in the next tick of the loop"},
                  {"eager-drain", "a transaction finishes as soon as its last byte is written"},
                  {"no-destroy", "the server is never freed"},
                  {"drained",
                      "correct: open transactions end first, however the server is stopped; those that remain after "
                      "the grace period are canceled and reported"}},
            style);
}

// The program of the reactor server stops it at one of these moments.
std::string moments(text_style style) {
    return table(
        {{"cb1", "in the client's callback of the first request to complete"},
            {"cbN", "in the client's callback of the last request to complete"},
            {"timer", "in a 20 ms timer that the first handler arms"},
            {"handler", "in the first handler, before it answers"},
            {"finish", "in the finish event of the first transaction to finish"},
            {"signal", "by a signal that the process gets at the stop points of \"signal_at\""},
            {"any", "at any moment: a decision before each callback and each poll, in the simulated world only"}},
        style);
}

std::string strategies(text_style style) {
    table_rows all{{"auto", "sweep, then exhaustive if it fits the budget, else phase, pct and random"}};
    for (repro::strategy_info const& i : repro::all_strategies()) all.emplace_back(i.name, i.summary);
    return table(all, style);
}

std::string in_a_row(std::vector<std::string> const& words) {
    std::string out;
    for (std::string const& word : words) out += (out.empty() ? "" : ", ") + word;
    return out;
}

std::string targets(text_style style) {
    table_rows all;
    for (repro::target const& t : repro::preset_targets()) {
        auto const version = repro::installed_version(t);
        std::string const here = !version ? "not installed; apt-get install " + t.package
            : t.tried(*version)           ? "installed, " + *version
                                          : "installed, " + *version + ", which was not tried";
        std::vector<std::string> acts;
        for (repro::act_plan const& a : t.acts) acts.emplace_back(name_of(a.what));
        all.emplace_back(t.name,
            here + " · tried with " + in_a_row(t.tried_with) + " · " + t.summary +
                (acts.empty() ? "" : " · --act " + in_a_row(acts)));
    }
    return table(all, style);
}

std::string probes(text_style style) {
    table_rows all;
    for (repro::probe_info const& p : repro::all_probes())
        all.emplace_back(p.name, std::string(name_of(p.grade)) + " · " + std::string(p.summary));
    return table(all, style);
}

std::string stop_points_of(std::string const& scenario, text_style style) {
    repro::scenario s = repro::load_scenario(scenario, repro::call_check::never);
    if (s.kind() == server::server_kind::reactor) return moments(style);
    if (s.kind() == server::server_kind::scopes)
        throw repro::input_error(
            scenario + " has no stop points: the cell's \"sequence\" says when its scopes are freed");
    if (repro::uncalled_act(s) == "stop") s.scoped().stop_at = "any"; // the file does not say it yet
    table_rows all;
    for (auto const& p : repro::passed_stop_points(s)) all.emplace_back(p.point, traces::printable(p.what));
    return table(all, style);
}

std::string stop_points_in_general(text_style style) {
    return table({{"handler", "a handler calls it, as the scenario says"}, {"never", "it is never called"},
                     {"any", "the moment is a decision before each step, in the simulated world only"},
                     {"KIND#N",
                         "right after the N-th event of this kind, such as coroutine.suspend#2; list stop-points "
                         "SCENARIO prints those of a scenario"}},
        style);
}

// The preset as a target file, to the byte.
std::string preset_file(std::string const& name) {
    std::vector<std::string_view> names;
    for (repro::preset_text const& p : repro::preset_texts()) {
        repro::target const t = repro::target_from_text(p.text, p.name);
        if (t.name == name) return std::string(p.text);
    }
    for (repro::target const& t : repro::preset_targets()) names.push_back(t.name);
    throw repro::input_error(
        "--print: unknown target \"" + name + "\"" + repro::did_you_mean(name, names) + " (list targets)");
}

int list(std::string const& what, std::string const& scenario, std::string const& preset, output& out) {
    if (!preset.empty() && what != "targets")
        throw repro::input_error("list " + what + ": only list targets takes --print");
    if (!scenario.empty() && what != "stop-points")
        throw repro::input_error(
            "list " + what + ": unexpected \"" + scenario + "\"; only list stop-points takes a scenario");
    if (!preset.empty()) {
        out.print(preset_file(preset));
        return repro::clean;
    }
    text_style const style = out.page();
    out.print(what == "scenarios"  ? scenarios(style)
            : what == "rules"      ? rules(style)
            : what == "strategies" ? strategies(style)
            : what == "policies"   ? policies(style)
            : what == "targets"    ? targets(style)
            : what == "probes"     ? probes(style)
            : scenario.empty()     ? stop_points_in_general(style)
                                   : stop_points_of(scenario, style));
    return repro::clean;
}

} // namespace

void add_list(CLI::App& app, job& chosen) {
    struct options {
        std::string what, scenario, preset;
        target_options target;
    };
    auto const o = std::make_shared<options>();
    CLI::App* const sub =
        app.add_subcommand("list", "List scenarios, rules, policies, stop points, strategies, targets or probes");
    sub->add_option("WHAT", o->what, "Kind of names to list")
        ->required()
        ->check(one_of({"scenarios", "rules", "policies", "stop-points", "strategies", "targets", "probes"}));
    sub->add_option("SCENARIO", o->scenario, "Scenario whose stop points to list");
    CLI::Option const* const target = sub->add_option("--target", o->target.what,
                                             "Real server whose steps to list: a preset, FILE.json, or -- COMMAND...")
                                          ->expected(0, 1)
                                          ->type_name("TARGET");
    sub->add_option("--slow", o->target.slow, "Path that the server answers slowly (target)")->type_name("/PATH");
    sub->add_option("--signal", o->target.signal, "Signal that stops the server (target)")->type_name("SIGNAL");
    sub->add_option("--print", o->preset, "Print this preset as a target file (targets)")->type_name("PRESET");
    sub->callback([o, target, &chosen] {
        bool const of_target = target->count() > 0;
        o->target.command = command_behind_dashes();
        chosen = [o, of_target](output& out) {
            if (!of_target && o->target.command.empty()) return list(o->what, o->scenario, o->preset, out);
            if (o->what != "stop-points" || !o->scenario.empty())
                throw repro::input_error("list " + o->what + ": only list stop-points without SCENARIO takes a target");
            o->target.steer = true;
            return list_stop_points(o->target, out);
        };
    });
}

} // namespace shutdown_repro::cli
