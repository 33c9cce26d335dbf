#include "cli/options/client_options.hpp"
#include <algorithm>
#include <string_view>
#include "cli/options/arguments.hpp"
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "repro/input/pattern.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr std::int64_t longest_ms = 3'600'000, most_workers = 256;

std::int64_t number_behind(std::string const& condition, std::string const& text, std::int64_t most) {
    bool const digits = !text.empty() && text.size() < 9 && text.find_first_not_of("0123456789") == text.npos;
    if (!digits || std::stoll(text) < 1 || std::stoll(text) > most)
        throw repro::input_error("--ready " + condition + ": needs a whole number from 1 to " + std::to_string(most) +
            ", not \"" + text + "\"");
    return std::stoll(text);
}

void apply_ready(std::string const& condition, repro::target& t) {
    std::size_t const colon = condition.find(':');
    std::string const kind = condition.substr(0, colon);
    std::string const rest = colon == condition.npos ? "" : condition.substr(colon + 1);
    if (condition.find('/') != condition.npos && (condition.front() == '/' || condition.find(' ') < colon)) {
        t.ready.http = request_option("--ready", condition);
    } else if (kind == "log" && !rest.empty()) {
        if (std::string const why = repro::pattern::why_not(rest); !why.empty())
            throw repro::input_error("--ready log: not a regular expression: " + why);
        t.ready.log = rest;
    } else if (kind == "command" && !rest.empty()) {
        t.ready.command = {"/bin/sh", "-c", rest};
    } else if (kind == "workers") {
        t.ready.workers = static_cast<std::uint32_t>(number_behind("workers", rest, most_workers));
    } else if (kind == "within") {
        t.ready.within_ms = number_behind("within", rest, longest_ms);
    } else {
        throw repro::input_error("--ready takes a path such as /health, log:EXPRESSION, workers:N, command:COMMAND or "
                                 "within:MILLISECONDS, not \"" +
            condition + "\"");
    }
}

void apply_allow(std::string const& rule, repro::target& t) {
    if (!traces::find_rule(rule)) {
        std::vector<std::string_view> ids;
        for (traces::rule_info const& r : traces::all_rules()) ids.push_back(r.id);
        throw repro::input_error(
            "--allow: unknown rule \"" + rule + "\"" + repro::did_you_mean(rule, ids) + " (list rules)");
    }
    if (!std::ranges::count(t.allow, rule)) t.allow.push_back(rule);
}

} // namespace

repro::target::http_request request_option(
    char const* flag, std::string const& text, repro::target::http_request usual) {
    std::size_t const space = text.find(' ');
    std::string const method = space == text.npos ? "" : text.substr(0, space);
    std::string const path = space == text.npos ? text : text.substr(space + 1);
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool const fits = space == text.npos || (!method.empty() && method.find_first_not_of(letters) == method.npos);
    if (!fits || !repro::is_server_path(path))
        throw repro::input_error(
            std::string(flag) + " must be a path on the server such as /slow, or \"POST /slow\", not \"" + text + "\"");
    if (!method.empty()) usual.method = method;
    usual.path = path;
    return usual;
}

void add_client_options(CLI::App& sub, client_options& o) {
    sub.add_option("--upload", o.upload, "Path that takes a POST with a body (target)")->type_name("/PATH");
    sub.add_option("--large", o.large, "Path with a large response (target)")->type_name("/PATH");
    sub.add_option("--ready", o.ready,
           "Condition of readiness: /PATH, log:EXPRESSION, workers:N, command:COMMAND, within:MS (target)")
        ->type_name("CONDITION")
        ->expected(1)
        ->take_all();
    sub.add_option("--accepts-for", o.accepts_for_ms, "Time after the stop during which it accepts on purpose (target)")
        ->check(whole_number(0, longest_ms))
        ->type_name("MS");
    sub.add_option("--exit", o.exit, "Exit status that is right besides those of the target (target)")
        ->check(whole_number(0, 255))
        ->type_name("STATUS")
        ->expected(1)
        ->take_all();
    sub.add_option("--allow", o.allow, "Rule whose violations are only noted (target)")
        ->type_name("RULE")
        ->expected(1)
        ->take_all();
    sub.add_flag("--strict", o.strict, "Let strict probes of --probe all decide the exit status, too (target)");
}

void apply(client_options const& o, repro::target& t) {
    if (!o.upload.empty()) t.upload = request_option("--upload", o.upload, repro::usual_upload());
    if (!o.large.empty()) t.large = request_option("--large", o.large);
    for (std::string const& condition : o.ready) apply_ready(condition, t);
    for (std::string const& rule : o.allow) apply_allow(rule, t);
    for (int const status : o.exit)
        if (!std::ranges::count(t.exit, status)) t.exit.push_back(status);
    if (o.accepts_for_ms) t.accepts_for_ms = *o.accepts_for_ms;
}

std::vector<std::pair<std::string, std::string>> given(client_options const& o) {
    std::vector<std::pair<std::string, std::string>> all;
    if (!o.upload.empty()) all.emplace_back("--upload", o.upload);
    if (!o.large.empty()) all.emplace_back("--large", o.large);
    for (std::string const& condition : o.ready) all.emplace_back("--ready", condition);
    if (o.accepts_for_ms) all.emplace_back("--accepts-for", std::to_string(*o.accepts_for_ms));
    for (int const status : o.exit) all.emplace_back("--exit", std::to_string(status));
    for (std::string const& rule : o.allow) all.emplace_back("--allow", rule);
    if (o.strict) all.emplace_back("--strict", "");
    return all;
}

} // namespace shutdown_repro::cli
