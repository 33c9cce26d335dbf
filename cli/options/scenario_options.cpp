#include "cli/options/scenario_options.hpp"
#include <algorithm>
#include "cli/options/arguments.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"
#include "repro/scenario/moments.hpp"

namespace shutdown_repro::cli {

namespace {

// Sets one field of the scenario. An error names the option that the user typed.
void set(repro::scenario& s, char const* flag, std::string_view key, std::string const& value) {
    if (value.empty()) return;
    try {
        repro::set_field(s, key, value, repro::call_check::later);
    } catch (repro::input_error const& e) {
        std::string const asked = "--set " + std::string(key), what = e.what(); // set_field() always blames --set
        throw repro::input_error(what.starts_with(asked) ? flag + what.substr(asked.size()) : what, e.exit_status);
    }
}

template <class number> std::string text(std::optional<number> const& n) { return n ? std::to_string(*n) : ""; }

} // namespace

void add_scenario_options(CLI::App& sub, scenario_options& o) {
    sub.add_option("SCENARIO", o.what, "Built-in scenario (see: list scenarios) or FILE.json")->required();
    sub.add_option("--policy", o.policy, "Shutdown policy of the server (see: list policies)")->type_name("POLICY");
    sub.add_option("--order", o.order, "Handle that is served first when several are ready (reactor)")
        ->type_name("ORDER");
    sub.add_option("--requests", o.requests, "Number of requests to send")
        ->check(whole_number(1, 100'000))
        ->type_name("N");
    sub.add_option("--connections", o.connections, "Number of connections, with one request each (reactor)")
        ->check(whole_number(1, 1'000))
        ->type_name("N");
    sub.add_option("--stop-at", o.stop_at, "Stop point at which stop is called (see: list stop-points)")
        ->type_name("POINT");
    sub.add_option("--free-at", o.free_at, "Stop point at which free is called")->type_name("POINT");
    sub.add_option("--grace", o.grace_ms,
           "Time from the stop until handlers are cancelled, or a real server is killed: 2s, 500ms, or a number of "
           "milliseconds")
        ->transform(milliseconds_from(0, 86'400'000))
        ->type_name("TIME");
    sub.add_option("--set", o.sets, "Set any field of the scenario, such as grace=100")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
}

namespace {

// Returns the scenario with the changes of the options. Calls that are left to handlers are not checked yet.
repro::scenario changed_scenario(scenario_options const& o) {
    repro::scenario s = repro::load_scenario(o.what, repro::call_check::where_said);
    for (std::string const& word : o.sets) {
        auto const equals = word.find('=');
        if (equals == word.npos || equals == 0)
            throw repro::input_error("--set: \"" + word + "\" is not KEY=VALUE, like grace=100");
        repro::set_field(s, std::string_view(word).substr(0, equals), std::string_view(word).substr(equals + 1),
            repro::call_check::later);
    }
    set(s, "--policy", "policy", o.policy);
    set(s, "--order", "order", o.order);
    set(s, "--stop-at", stop_field(s), o.stop_at);
    set(s, "--free-at", "free", o.free_at);
    set(s, "--requests", requests_field(s), text(o.requests));
    set(s, "--connections", "connections", text(o.connections));
    set(s, "--grace", "grace", text(o.grace_ms));
    return s;
}

// Returns whether --set changes the field.
bool sets(scenario_options const& o, std::string_view field) {
    return std::ranges::any_of(
        o.sets, [&](std::string const& word) { return word.starts_with(std::string(field) + "="); });
}

} // namespace

repro::scenario scenario_of(scenario_options const& o) {
    repro::scenario s = changed_scenario(o);
    std::string_view const act = repro::uncalled_act(s);
    if (act.empty()) return s;
    (void)repro::load_scenario(o.what); // if the file itself is wrong, the error names its line
    throw repro::input_error(o.what + " with these options " + repro::why_uncalled(act));
}

repro::scenario explored_scenario_of(scenario_options const& o) {
    repro::scenario const changed = changed_scenario(o);
    repro::kept_moments const kept{
        .stop = !o.stop_at.empty() || sets(o, stop_field(changed)), .free = !o.free_at.empty() || sets(o, "free")};
    repro::scenario s = repro::with_open_acts(changed, kept);
    std::string_view const act = repro::uncalled_act(s);
    if (!act.empty()) throw repro::input_error("--" + std::string(act) + "-at: this " + repro::why_uncalled(act));
    return s;
}

void add_word(std::vector<std::string>& to, char const* flag, std::string const& value) {
    if (!value.empty()) to.insert(to.end(), {flag, value});
}

void add_words(std::vector<std::string>& to, scenario_options const& o) {
    add_word(to, "--policy", o.policy);
    add_word(to, "--order", o.order);
    add_word(to, "--requests", text(o.requests));
    add_word(to, "--connections", text(o.connections));
    add_word(to, "--stop-at", o.stop_at);
    add_word(to, "--free-at", o.free_at);
    add_word(to, "--grace", text(o.grace_ms));
    for (std::string const& s : o.sets) add_word(to, "--set", s);
}

std::string fixed_line(std::vector<std::string> command, repro::scenario const& s, scenario_options o) {
    if (policy_of(s).empty() || policy_of(s) == correct_policy) return {};
    o.policy = correct_policy;
    add_words(command, o);
    return shell_line(command);
}

} // namespace shutdown_repro::cli
