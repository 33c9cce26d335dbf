// completion: prints a script with which a shell completes this program's command line.
#include "cli/completion/completion.hpp"
#include <algorithm>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include "cli/commands/command.hpp"
#include "cli/options/arguments.hpp"
#include "repro/gate/file.hpp"
#include "repro/input/errors.hpp"
#include "repro/probe/probe.hpp"
#include "repro/scenario/scenario.hpp"
#include "repro/target/target.hpp"
#include "server_under_test/reactor/config.hpp"
#include "server_under_test/scopes/config.hpp"
#include "server_under_test/worlds/control.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::cli {
namespace {

using word_list = std::vector<std::string>;

template <class enumeration> void add_words_of(word_list& to) {
    for (std::string_view word : server::words<enumeration>())
        if (std::ranges::find(to, word) == to.end()) to.emplace_back(word);
}

word_list scenario_names() {
    word_list all;
    for (repro::scenario const& s : repro::builtin_scenarios()) all.push_back(s.name);
    return all;
}

word_list rule_ids() {
    word_list all;
    for (traces::rule_info const& r : traces::all_rules()) all.emplace_back(r.id);
    return all;
}

word_list policies() {
    word_list all;
    add_words_of<server::policy>(all);
    add_words_of<server::reactor_policy>(all);
    return all;
}

word_list orders() {
    word_list all;
    add_words_of<server::serve_order>(all);
    return all;
}

word_list checks() { // of the bundled gate only; a user's gate file has others
    word_list all;
    for (repro::check_plan const& c : repro::bundled_gate().checks) all.push_back(c.name);
    return all;
}

word_list targets() {
    word_list all;
    for (repro::target const& t : repro::preset_targets()) all.push_back(t.name);
    return all;
}

word_list probes() {
    word_list all{"all"};
    for (repro::probe_info const& p : repro::all_probes()) all.emplace_back(p.name);
    return all;
}

word_list signals() {
    word_list all;
    for (int number = 1; number <= SIGSYS; ++number)
        if (char const* const name = sigabbrev_np(number)) all.push_back(std::string("SIG") + name);
    return all;
}

bool is_point(std::string const& word) {
    try {
        return !server::parse_stop_points(word).empty();
    } catch (std::invalid_argument const&) { return false; }
}

word_list points() {
    word_list all{"handler", "never", "any"};
    add_words_of<server::stop_moment>(all);
    for (std::size_t i = 0; i < traces::kind_count; ++i)
        if (std::string const first = std::string(name_of(static_cast<traces::kind>(i))) + "#1"; is_point(first))
            all.push_back(first);
    return all;
}

// The candidates that the name of a value stands for. A compound name such as TRACE|SCHEDULE has those of all its
// parts.
struct value_kind {
    std::string_view name;
    word_list (*words)();
    bool files = false, folders = false, list = false;
};
constexpr value_kind value_kinds[] = {
    {"SCENARIO", scenario_names, true},
    {"RULE", rule_ids},
    {"POLICY", policies},
    {"ORDER", orders},
    {"FILE", nullptr, true},
    {"PATH", nullptr, true},
    {"TRACE", nullptr, true},
    {"REPORT", nullptr, true},
    {"DIR", nullptr, false, true},
    {"CHECK", checks},
    {"TARGET", targets, true},
    {"PRESET", targets},
    {"PROBE", probes, false, false, true},
    {"POINT", points, false, false, true},
    {"SIGNAL", signals},
};

std::string value_name(CLI::Option const& o) {
    if (o.get_positional()) return o.get_name(true);
    std::string const typed = o.get_type_name(); // may end with ":" and the words of a validator
    return typed.substr(0, typed.find(':'));
}

completion_value value_of(CLI::Option& o) {
    completion_value v{value_name(o), {}};
    if (CLI::Validator const* const choice = choice_of(o)) {
        std::string const all = choice->get_description();
        v.words = CLI::detail::split(all, '|');
        return v;
    }
    bool known_kind = false;
    for (std::string const& part : CLI::detail::split(v.name, '|'))
        for (value_kind const& kind : value_kinds) {
            if (kind.name != part) continue;
            known_kind = true;
            if (kind.words) std::ranges::move(kind.words(), std::back_inserter(v.words));
            v.files |= kind.files;
            v.folders |= kind.folders;
            v.list |= kind.list;
        }
    if (!known_kind && o.get_positional()) v.files = true;
    return v;
}

option_completion option_of(CLI::Option& o) {
    option_completion out{.names = {},
        .summary = o.get_description(),
        .takes_value = o.get_items_expected_max() > 0,
        .repeats = o.get_items_expected_max() > 1,
        .value = {}};
    for (std::string const& name : o.get_lnames()) out.names.push_back("--" + name);
    for (std::string const& name : o.get_snames()) out.names.push_back("-" + name);
    if (out.takes_value) out.value = value_of(o);
    return out;
}

command_completion command_of(CLI::App& app) {
    command_completion out{.name = app.get_name(), .summary = app.get_description(), .options = {}, .places = {}};
    for (CLI::Option* o : app.get_options(
             [](CLI::Option* any) { return !any->get_group().empty(); })) { // an option without a group is hidden
        if (o->get_positional()) out.places.push_back({value_of(*o), o->get_items_expected_max() > 1});
        else out.options.push_back(option_of(*o));
    }
    return out;
}

} // namespace

command_completions completions_of(CLI::App& app) {
    command_completions all{command_of(app)};
    all.front().name.clear();
    auto const everywhere = all.front().options;
    for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) {
        all.push_back(command_of(*sub));
        auto& own = all.back().options;
        for (option_completion const& o : everywhere)
            if (std::ranges::none_of(own, [&](option_completion const& other) { return other.names == o.names; }))
                own.push_back(o);
    }
    return all;
}

void add_completion(CLI::App& app, job& chosen) {
    auto const shell = std::make_shared<std::string>();
    CLI::App* const sub = app.add_subcommand("completion", "Print a script that completes command lines in a shell");
    sub->add_option("SHELL", *shell, "Shell to print the script for")
        ->required()
        ->check(one_of({"bash", "zsh", "fish"}));
    sub->callback([shell, &app, &chosen] {
        chosen = [shell, &app](output& out) {
            auto const all = completions_of(app);
            out.print(*shell == "bash" ? bash_completion(all)
                    : *shell == "zsh"  ? zsh_completion(all)
                                       : fish_completion(all));
            return repro::clean;
        };
    });
}

} // namespace shutdown_repro::cli
