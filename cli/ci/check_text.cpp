#include "cli/ci/check_text.hpp"
#include <algorithm>
#include "traces/phrases/text.hpp"

namespace shutdown_repro::cli {

using repro::check_result;
using repro::gate_violation;
using repro::outcome;
using repro::standing;

namespace {

constexpr std::size_t widest = 1'000, most_steps = 100, most_inside_lines = 20, most_violations = 50, most_reasons = 50;

std::string more(std::size_t all, std::size_t told) { return "    … and " + std::to_string(all - told) + " more"; }

void tell(std::vector<std::string>& lines, check_result const& c, gate_violation const& v) {
    lines.push_back((fails(v) ? "✗ " : "· ") + line_of(v.rule) + ", " + std::string(name_of(v.stands)) + ", in " +
        std::to_string(v.count) + " of " + traces::counted(c.trials, "execution") + ": " + line_of(v.message));
    if (std::string const rules = rules_before(v, c); !rules.empty()) lines.push_back("    before it: " + rules);
    if (std::string const rules = rules_after(v, c); !rules.empty()) lines.push_back("    and so: " + rules);
    if (v.stands == standing::follows)
        for (gate_violation::cause const& root : v.caused_by)
            lines.push_back((v.led_to ? "    led to: " : "    follows from: ") + line_of(root.rule));
    if (!v.reason.empty()) lines.push_back("    excepted: " + line_of(v.reason));
    for (std::size_t i = 0; i < std::min(v.inside.size(), most_inside_lines); ++i)
        lines.push_back("    inside: " + line_of(v.inside[i]));
    if (v.inside.size() > most_inside_lines) lines.push_back(more(v.inside.size(), most_inside_lines));
    for (std::size_t i = 0; i < std::min(v.witness.size(), most_steps); ++i)
        lines.push_back("    #" + std::to_string(v.witness[i].at) + " " + line_of(v.witness[i].what));
    if (v.witness.size() > most_steps) lines.push_back(more(v.witness.size(), most_steps));
    if (!v.trace.empty()) lines.push_back("    trace: " + line_of(v.trace));
    if (!v.replay.empty()) lines.push_back("    again: " + line_of(v.replay));
}

std::string rules_with(gate_violation const& root, check_result const& c, bool before) {
    std::vector<std::string_view> rules;
    for (gate_violation const* const s : judged_with(root, c))
        if (s->led_to == before && !std::ranges::count(rules, s->rule)) rules.push_back(s->rule);
    std::string out;
    for (std::string_view const rule : rules) out.append(out.empty() ? "" : ", ").append(line_of(rule));
    return out;
}

} // namespace

std::string place_of(check_result const& c) {
    return c.file.empty() ? "" : c.file + (c.line ? ":" + std::to_string(c.line) : "");
}

std::string headline_of(check_result const& c) {
    return c.why.empty() ? std::string(name_of(c.result)) : line_of(c.why.front());
}

bool fails(gate_violation const& v) { return v.stands == standing::fresh || v.stands == standing::worse; }

std::vector<gate_violation const*> judged_with(gate_violation const& root, check_result const& c) {
    std::vector<gate_violation const*> all;
    for (gate_violation const& s : c.violations)
        if (s.stands == standing::follows && is_cause_of(root, s)) all.push_back(&s);
    return all;
}

std::string rules_before(gate_violation const& root, check_result const& c) { return rules_with(root, c, true); }
std::string rules_after(gate_violation const& root, check_result const& c) { return rules_with(root, c, false); }

bool in_baseline(gate_violation const& v) { return v.stands == standing::known || v.stands == standing::excepted; }

std::vector<check_result> all_of(repro::gate_result const& r) {
    std::vector<check_result> all = r.checks;
    if (r.stale.empty()) return all;
    check_result& c = all.emplace_back();
    c.name = "baseline entries without a check";
    c.scenario = "baseline";
    c.file = r.baseline;
    c.result = outcome::stale;
    c.why = r.stale;
    return all;
}

std::vector<std::string> check_lines(check_result const& c) {
    std::vector<std::string> lines;
    if (std::string const place = place_of(c); !place.empty()) lines.push_back(line_of(place));
    for (std::size_t i = 0; i < std::min(c.why.size(), most_reasons); ++i) lines.push_back(line_of(c.why[i]));
    if (c.why.size() > most_reasons) lines.push_back(more(c.why.size(), most_reasons));
    for (std::size_t i = 0; i < std::min(c.violations.size(), most_violations); ++i) tell(lines, c, c.violations[i]);
    if (c.violations.size() > most_violations) lines.push_back(more(c.violations.size(), most_violations));
    if (!c.trouble.empty()) lines.push_back("inconclusive: " + line_of(c.trouble));
    if (!c.guarantee.empty()) lines.push_back(line_of(c.guarantee));
    return lines;
}

std::string joined(std::vector<std::string> const& lines) {
    std::string text;
    for (std::string const& line : lines) text += line + "\n";
    return text;
}

std::string line_of(std::string_view text) {
    return traces::fit(traces::printable(text.substr(0, widest * 4)), widest);
}

} // namespace shutdown_repro::cli
