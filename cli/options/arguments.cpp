#include "cli/options/arguments.hpp"
#include <algorithm>
#include <charconv>
#include <cmath>
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr char const* choice_name = "one of";

template <class word> std::string list_of(std::vector<word> const& words) {
    std::string out;
    for (std::size_t i = 0; i < words.size(); ++i)
        out.append(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ").append(words[i]);
    return out;
}

// The subcommand that was chosen, or the program itself.
CLI::App const& chosen(CLI::App const& app) {
    auto const subs = app.get_subcommands();
    return subs.empty() ? app : *subs.back();
}

std::string help_of(CLI::App const& app, CLI::App const& command) {
    return " (shutdown-repro " + (&command == &app ? "" : command.get_name() + " ") + "--help)";
}

std::vector<std::string> long_options(CLI::App const& app) {
    std::vector<std::string> names;
    for (CLI::Option const* o : app.get_options({}))
        for (std::string const& name : o->get_lnames()) names.push_back("--" + name);
    return names;
}

std::vector<std::string> command_names(CLI::App const& app) {
    std::vector<std::string> names;
    for (CLI::App const* sub : app.get_subcommands({})) names.push_back(sub->get_name());
    return names;
}

std::string suggestion(std::string_view typed, std::vector<std::string> const& known) {
    std::vector<std::string_view> const views(known.begin(), known.end());
    return repro::did_you_mean(typed, views);
}

void refuse_leftovers(CLI::App const& app) {
    auto const left = app.remaining(true);
    if (left.empty()) return;
    CLI::App const& command = chosen(app);
    std::string const typed = left.front().substr(0, left.front().find('='));
    if (typed.starts_with("-")) {
        auto known = long_options(command);
        for (std::string& name : long_options(app)) known.push_back(std::move(name));
        throw repro::input_error("unknown option " + typed + suggestion(typed, known) + help_of(app, command));
    }
    if (&command == &app)
        throw repro::input_error(
            "unknown command \"" + typed + "\"" + suggestion(typed, command_names(app)) + help_of(app, app));
    throw repro::input_error(
        "unexpected argument \"" + left.front() + "\" after " + command.get_name() + help_of(app, command));
}

// Rewords the messages of CLI11: "--requests: 1 required N missing", "--policy: At Most 1 required but received 2",
// "json was given a disallowed flag override".
std::string mismatch(std::string const& what) {
    std::string const flag = what.substr(0, what.find_first_of(": "));
    if (what.ends_with("missing")) return flag + " needs a value";
    return what.find("At Most") != what.npos ? flag + " can be given only once" : "--" + flag + " takes no value";
}

std::vector<std::string> the_command; // the words after "--"; one command line per process

// Returns the number of words that are arguments of this program, and stores the command after them. The words after
// "--" are a command after `run`, and wherever --target is given; after any other subcommand they stay arguments.
int without_command(CLI::App const& app, int argc, char const* const* argv) {
    auto const is_target = [](std::string_view word) { return word == "--target" || word.starts_with("--target="); };
    char const* const* const end = argv + argc;
    char const* const* const dashes = std::find(argv, end, std::string_view("--"));
    if (dashes == end) return argc;
    std::vector<std::string> const names = command_names(app);
    char const* const* const subcommand = std::find_first_of(argv, dashes, names.begin(), names.end());
    bool const runs = subcommand != dashes && *subcommand == std::string_view("run");
    if (!runs && std::none_of(argv, dashes, is_target)) return argc;
    the_command.assign(dashes + 1, end);
    return static_cast<int>(dashes - argv);
}

} // namespace

std::vector<std::string> const& command_behind_dashes() { return the_command; }

void parse(CLI::App& app, int argc, char const* const* argv) {
    app.allow_extras();
    for (CLI::App* sub : app.get_subcommands({})) {
        sub->fallthrough();
        for (CLI::Option* option : sub->get_options()) option->disable_flag_override();
    }
    try {
        app.parse(without_command(app, argc, argv), argv);
    } catch (CLI::Success const&) { // help and version
        throw;
    } catch (CLI::RequiredError const& e) {
        refuse_leftovers(app); // "unknown option" says more than "required" when an option is misspelled
        throw repro::input_error(std::string(e.what()) + help_of(app, chosen(app)));
    } catch (CLI::ArgumentMismatch const& e) {
        throw repro::input_error(mismatch(e.what()) + help_of(app, chosen(app)));
    } catch (CLI::ParseError const& e) { throw repro::input_error(std::string(e.what()) + help_of(app, chosen(app))); }
    refuse_leftovers(app);
    if (app.get_subcommands().empty())
        throw repro::input_error("no command given; expected " + list_of(command_names(app)) + help_of(app, app));
}

CLI::Validator whole_number(std::int64_t least, std::int64_t most) {
    auto check = [least, most](std::string& text) -> std::string {
        std::int64_t n = 0;
        auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
        if (error == std::errc{} && end == text.data() + text.size() && n >= least && n <= most) return {};
        return "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ", not \"" +
            text + "\"";
    };
    return {check, "", "whole number"};
}

CLI::Validator milliseconds_from(std::int64_t least, std::int64_t most) {
    auto change = [least, most](std::string& text) -> std::string {
        double n = 0;
        auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), n, std::chars_format::fixed);
        std::string_view const unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
        double const size = unit.empty() || unit == "ms" ? 1 : unit == "s" ? 1'000 : unit == "m" ? 60'000 : 0;
        double const ms = n * size;
        bool const fits = error == std::errc{} && size > 0 && ms >= static_cast<double>(least) &&
            ms <= static_cast<double>(most) && ms == std::floor(ms);
        if (!fits)
            return "must be a duration such as 500ms or 2s, or a whole number of milliseconds, from " +
                std::to_string(least) + " to " + std::to_string(most) + " ms, not \"" + text + "\"";
        text = std::to_string(static_cast<std::int64_t>(ms));
        return {};
    };
    return {change, "", "duration"};
}

CLI::Validator natural_number() {
    auto check = [](std::string& text) -> std::string {
        std::uint64_t n = 0;
        auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
        if (error == std::errc{} && end == text.data() + text.size()) return {};
        return "must be a whole number from 0 to " + std::to_string(UINT64_MAX) + ", not \"" + text + "\"";
    };
    return {check, "", "whole number"};
}

CLI::Validator one_of(std::vector<std::string_view> words) {
    std::string const shape = [&] {
        std::string s;
        for (auto w : words) s.append(s.empty() ? "" : "|").append(w);
        return s;
    }();
    auto check = [words = std::move(words)](std::string& text) -> std::string {
        for (auto w : words)
            if (w == text) return {};
        return "must be " + list_of(words) + ", not \"" + text + "\"" + repro::did_you_mean(text, words);
    };
    return {check, shape, choice_name};
}

CLI::Validator const* choice_of(CLI::Option& option) {
    try {
        return option.get_validator(choice_name);
    } catch (CLI::OptionNotFound const&) { return nullptr; }
}

} // namespace shutdown_repro::cli
