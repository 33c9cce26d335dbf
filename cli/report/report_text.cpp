#include <algorithm>
#include <map>
#include <set>
#include "cli/report/report.hpp"
#include "cli/terminal/shell_line.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;

constexpr std::size_t rule_width = 26;
constexpr std::size_t most_inside = 6;      // live members shown for one violation
constexpr std::uint64_t most_of_a_rule = 4; // violations of one rule shown one by one

std::string mark(severity s, text_style style) {
    return s == severity::error  ? paint(style, tint::bad, "✗")
        : s == severity::warning ? paint(style, tint::warn, "!")
                                 : paint(style, tint::faint, "·");
}

// `level` is that of its defect, `message` that of all that are alike.
std::string violation_text(violation const& v, severity level, std::string const& message, text_style style) {
    std::size_t const indent = 2 + rule_width + 2;
    bool const fits = v.rule.size() <= rule_width; // a longer name has its line for itself
    std::string const between = fits ? "  " : "\n" + std::string(indent, ' ');
    std::string out = mark(level, style) + " " +
        paint(style, tint::strong, fits ? pad(v.rule, rule_width) : std::string(v.rule)) + between +
        wrap(printable(message), style.width, indent) + "\n";
    for (std::size_t i = 0; i < v.inside.size(); ++i) {
        if (i == most_inside) return out + "    … inspect --explain names more\n";
        out += "    " + wrap(printable(v.inside[i]), style.width, 6) + "\n";
    }
    return out;
}

// What belongs to the same defect, by name.
std::string rest_of_defect_text(judgement const& j, std::size_t root, text_style style) {
    std::string out;
    for (auto const& [part, words] :
        {std::pair(defect_part::before, "before it: "), std::pair(defect_part::after, "and so: ")})
        if (std::string const rules = rules_under(j.violations, j.defects, root, part); !rules.empty())
            out += "    " + paint(style, tint::faint, words) + wrap(rules, style.width, 4 + columns(words)) + "\n";
    return out;
}

std::string violations(judgement const& j, text_style style) {
    std::string out;
    std::map<std::string_view, std::uint64_t> seen;
    for (std::size_t i = 0; i < j.violations.size(); ++i) {
        violation const& v = j.violations[i];
        if (j.defects[i].is != defect_part::root || j.defects[i].like != i || seen[v.rule]++ >= most_of_a_rule)
            continue;
        severity const level = level_of_defect(j.violations, j.defects, i);
        out += violation_text(v, level, message_of_root(j.violations, j.defects, i), style) +
            rest_of_defect_text(j, i, style);
    }
    for (auto const& [rule, count] : seen)
        if (count > most_of_a_rule)
            out += "  " + pad(rule, rule_width) + "  … " + std::to_string(count - most_of_a_rule) +
                " more; --json has all\n";
    return out;
}

std::string inconclusive(judgement const& j, text_style style) {
    std::string out;
    for (std::string const& problem : j.problems)
        out += paint(style, tint::warn, "?") + " " + pad("inconclusive", rule_width) + "  " +
            wrap(printable(problem), style.width, rule_width + 4) + "\n";
    return out;
}

std::string counts(judgement const& j) {
    std::string const span = duration(j.span) + (j.world == "sim" ? " virtual" : "");
    return counted(j.events, "event") + " · " + span;
}

// "1 defect, 6 rules broken"; "" when nothing but notes is there.
std::string defects_text(judgement const& j) {
    std::size_t const n = defects_in(j.violations, j.defects);
    if (n == 0) return {};
    std::set<std::string_view> rules;
    for (violation const& v : j.violations)
        if (v.level != severity::note) rules.insert(v.rule);
    return counted(n, "defect") + ", " + counted(rules.size(), "rule") + " broken";
}

// Shows how many rules judged the trace: a rule that could not judge never passes silently.
std::string judged_by(judgement const& j, text_style style) {
    std::size_t const all = all_rules().size(), without = j.not_applicable.size();
    std::string line = counted(all - without, "rule") + " judged";
    bool const same = std::all_of(j.not_applicable.begin(), j.not_applicable.end(),
        [&](auto const& s) { return s.lacks == j.not_applicable.front().lacks; });
    if (without)
        line += ", " + std::to_string(without) +
            " not applicable: " + (same ? "" : std::string(j.not_applicable.front().rule->id) + " ") +
            printable(j.not_applicable.front().why()) + (same ? "" : "; --json has the others");
    return paint(style, tint::faint, wrap(line, style.width, 0)) + "\n";
}

std::string details(judgement const& j, text_style style) {
    std::string const clean = j.verdict == verdict::clean ? paint(style, tint::good, "✓ clean") + "\n" : "";
    return violations(j, style) + (j.verdict == verdict::inconclusive ? inconclusive(j, style) : clean);
}

std::string headline(run_report const& r, text_style style) {
    return paint(style, tint::strong, printable(r.scenario.name)) + " · " + server_in_words(r.scenario) + " · " +
        std::string(server::word_of(r.world)) + " · " + load_in_words(r.scenario) + "\n";
}

// Shows one line per order: its schedule and its verdict.
std::string every_order(run_report const& r, text_style style) {
    if (r.orders.empty()) return {};
    std::size_t wide = 0;
    for (auto const& o : r.orders) wide = std::max(wide, o.schedule.size());
    std::string out;
    for (auto const& o : r.orders) {
        bool const bad = o.verdict != verdict::clean;
        std::string const told = o.rules.empty() ? std::string(name_of(o.verdict)) : o.rules;
        out += (bad ? paint(style, tint::bad, "✗") : paint(style, tint::good, "✓")) + " " + pad(o.schedule, wide) +
            "  " + wrap(told, style.width, wide + 4) + "\n";
    }
    return out + "\n";
}

std::string rate(run_report const& r, text_style style) {
    if (r.executions == 1 || r.by_rule.empty()) return {};
    std::string out = "broken in how many of " + std::to_string(r.executions) + " executions; above is the first\n";
    for (auto const& [rule, count] : r.by_rule)
        out += "  " + pad_left(std::to_string(count), std::to_string(r.executions).size()) + "  " + rule + "\n";
    return paint(style, tint::faint, out);
}

} // namespace

std::string next_command(std::string_view word, std::string_view command, text_style style) {
    return command.empty() ? "" : paint(style, tint::faint, pad(word, 10)) + std::string(command) + "\n";
}

std::string violations_as_text(judgement const& j, text_style style) {
    std::string const found = defects_text(j);
    return violations(j, style) + (j.verdict == verdict::inconclusive ? inconclusive(j, style) : "") +
        (found.empty() ? "" : found + "\n");
}

std::string acts_as_text(judgement const& j, text_style style) {
    return paint(style, tint::faint, "stop  ") + wrap(j.stop, style.width, 6) + "\n" +
        paint(style, tint::faint, "free  ") + wrap(j.free, style.width, 6) + "\n";
}

std::string as_text(run_report const& r, text_style style) {
    std::string out = headline(r, style) + acts_as_text(r.judged, style) + "\n" + every_order(r, style) +
        details(r.judged, style) + "\n" + rate(r, style);
    if (std::string const found = defects_text(r.judged); !found.empty())
        out += found + (r.executions > 1 ? " in that execution" : "") + "\n";
    out += std::to_string(r.violated) + " of " + std::to_string(r.executions) + " executions violated";
    if (r.inconclusive) out += ", " + std::to_string(r.inconclusive) + " inconclusive";
    out += " · " + counts(r.judged) + (r.trace_path.empty() ? "" : " · trace " + r.trace_path) + "\n";
    if (r.verdict() != verdict::violated) return out + judged_by(r.judged, style);
    if (!r.trace_path.empty())
        out += next_command("why", shell_line({"shutdown-repro", "inspect", r.trace_path, "--explain"}), style);
    return out + next_command("again", r.again, style) + next_command("fixed?", r.fixed, style);
}

std::string as_text(std::vector<trace_judgement> const& all, text_style style) {
    std::string out;
    std::uint64_t violated = 0;
    for (auto const& [path, judged] : all) {
        violated += judged.verdict == verdict::violated;
        std::string const about = (judged.scenario.empty() ? "" : printable(judged.scenario) + " · ") +
            (judged.world.empty() ? "" : printable(judged.world) + " · ") + counts(judged);
        bool const beside = columns(path) + 3 + columns(about) <= style.width;
        out += paint(style, tint::strong, path) + (beside ? " · " + about : "\n  " + wrap(about, style.width, 2)) +
            "\n" + details(judged, style);
        if (std::string const found = defects_text(judged); !found.empty()) out += found + "\n";
        out += judged_by(judged, style);
        if (judged.verdict == verdict::violated && path != "-")
            out += next_command("why", shell_line({"shutdown-repro", "inspect", path, "--explain"}), style);
        out += "\n";
    }
    return out + std::to_string(violated) + " of " + std::to_string(all.size()) + " traces violated\n";
}

} // namespace shutdown_repro::cli
