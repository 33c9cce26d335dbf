// explain: prints what a rule means, where it was seen and how to fix a violation.
#include "cli/commands/command.hpp"
#include "cli/options/arguments.hpp"
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;

rule_info const& rule_named(std::string const& id) {
    if (rule_info const* r = find_rule(id)) return *r;
    std::vector<std::string_view> known;
    for (rule_info const& r : all_rules()) known.push_back(r.id);
    throw repro::input_error("unknown rule \"" + id + "\"" + repro::did_you_mean(id, known) + " (list rules)");
}

std::string row(std::string_view title, std::string_view text, text_style style) {
    if (text.empty()) return {};
    return paint(style, tint::faint, pad(title, 10)) + wrap(text, style.width, 10) + "\n";
}

int explain_rule(std::string const& id, output& out) {
    rule_info const& r = rule_named(id);
    text_style const style = out.page();
    std::string page = paint(style, tint::strong, r.id) + " · " + std::string(name_of(r.level)) + "\n\n";
    page += wrap(r.why, style.width, 0) + "\n\n";
    page += row("violated", "when " + std::string(r.summary), style) + row("needs", needs_text(r), style);
    page += row("seen in", r.cites, style) + row("fix", r.fix, style);
    out.print(page);
    return repro::clean;
}

} // namespace

void add_explain(CLI::App& app, job& chosen) {
    auto const id = std::make_shared<std::string>();
    CLI::App* const sub = app.add_subcommand("explain", "Explain a rule and how to fix a violation of it");
    sub->add_option("RULE", *id, "Id of the rule (see: list rules)")->required();
    sub->callback([id, &chosen] { chosen = [id](output& out) { return explain_rule(*id, out); }; });
}

} // namespace shutdown_repro::cli
