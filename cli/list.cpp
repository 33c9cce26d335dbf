// list: the names that the other subcommands take.
#include <algorithm>
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "repro/errors.hpp"
#include "repro/scenario.hpp"
#include "traces/rule.hpp"

namespace shutdown_repro::cli {
namespace {

using traces::look;
using traces::tint;

using rows = std::vector<std::pair<std::string, std::string>>;

std::string table(rows const& all, look l) {
    std::size_t wide = 0;
    for (auto const& [name, text] : all) wide = std::max(wide, traces::columns(name));
    std::string out;
    for (auto const& [name, text] : all) out += traces::paint(l, tint::strong, traces::pad(name, wide)) + "  " + traces::wrap(text, l.width, wide + 2) + "\n";
    return out;
}

std::string scenarios(look l) {
    rows all;
    for (repro::scenario const& s : repro::builtin_scenarios()) all.emplace_back(s.name, s.summary);
    return table(all, l);
}

std::string rules(look l) {
    rows all;
    for (traces::rule_info const& r : traces::all_rules()) all.emplace_back(r.id, std::string(name_of(r.level)) + " · " + std::string(r.summary));
    return table(all, l);
}

std::string policies(look l) {
    using server::policy;
    return table({{std::string(name_of(policy::as_reported)), "as the report has it: stop drains nothing, free releases"},
                  {std::string(name_of(policy::upstream_fix)), "as it was mended upstream: wait up to the grace, cancel, wait for the cancellation, with the holes that this has"},
                  {std::string(name_of(policy::drained)), "ours: nothing is disposed before it is strictly empty"}}, l);
}

std::string stop_points_of(std::string const& scenario, look l) {
    rows all;
    for (auto const& p : repro::passed_stop_points(repro::load_scenario(scenario))) all.emplace_back(p.point, traces::printable(p.what));
    return table(all, l);
}

std::string stop_points_in_general(look l) {
    return table({{"handler", "a handler calls it, as the scenario says"},
                  {"never", "nobody calls it"},
                  {"KIND#N", "right after the N-th event of that kind, like coroutine.suspend#2; a scenario's own: list stop-points SCENARIO"}}, l);
}

int list(std::string const& what, std::string const& scenario, output& out) {
    if (!scenario.empty() && what != "stop-points") throw repro::input_error("list " + what + " takes no \"" + scenario + "\"; only list stop-points takes a scenario");
    look const l = out.page();
    out.print(what == "scenarios" ? scenarios(l) : what == "rules" ? rules(l) : what == "policies" ? policies(l)
              : scenario.empty() ? stop_points_in_general(l) : stop_points_of(scenario, l));
    return repro::clean;
}

} // namespace

void add_list(CLI::App& app, job& chosen) {
    struct options { std::string what, scenario; };
    auto const o = std::make_shared<options>();
    CLI::App* const sub = app.add_subcommand("list", "scenarios, rules, policies or stop points");
    sub->add_option("WHAT", o->what, "what to list")->required()->check(one_of({"scenarios", "rules", "policies", "stop-points"}));
    sub->add_option("SCENARIO", o->scenario, "whose stop points");
    sub->callback([o, &chosen] { chosen = [o](output& out) { return list(o->what, o->scenario, out); }; });
}

} // namespace shutdown_repro::cli
