#include "cli/report/explored.hpp"
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include "cli/options/shard.hpp"
#include "cli/report/kept_traces.hpp"
#include "cli/report/report.hpp"
#include "cli/terminal/shell_line.hpp"
#include "traces/rules/fingerprint.hpp"

namespace shutdown_repro::cli {

using repro::with_commas;
using traces::counted;
using traces::paint;
using traces::text_style;
using traces::tint;

namespace {

constexpr std::size_t most_kept = 12, most_never = 3;

void keep(kept_finding& k, std::string const& name, kept_traces& folder) {
    repro::judged_execution e = repro::judge_execution(k.small.scenario, k.small.schedule);
    if (k.twin)
        k.twin_trace = folder.keep(name + ".passing", repro::judge_execution(k.small.scenario, k.twin->schedule).trace);
    if (!k.twin_trace.empty())
        e.trace.head.twin = nlohmann::ordered_json{{"trace", std::filesystem::path(k.twin_trace).filename().string()},
            {"schedule", to_string(k.twin->schedule)}, {"decision", k.twin->decision}, {"taken", k.twin->taken},
            {"instead", k.twin->instead}}
                                .dump();
    k.trace = folder.keep(name, e.trace);
}

kept_finding smaller(repro::scenario const& of, repro::finding const& f, std::atomic<bool> const& stop) {
    kept_finding k{f, {of, f.shortest, 0}, {}, {}, {}, {}};
    if (f.rule.empty() || stop) return k;
    repro::judged_execution const e = repro::judge_execution(of, f.shortest);
    for (traces::violation const& v : e.judged.violations)
        if (v.rule == f.rule && traces::fingerprint(e.trace, v) == f.fingerprint) {
            k.small = repro::shrink(of, f.shortest, repro::what_went_wrong(e.trace, v), stop);
            break;
        }
    k.twin = repro::find_passing_twin(k.small.scenario, k.small.schedule, stop);
    return k;
}

std::string finding_text(repro::finding const& f, text_style style) {
    bool const bad = f.level == traces::severity::error;
    return paint(style, bad ? tint::bad : tint::warn, bad ? "✗" : "!") + " " +
        paint(style, tint::strong, traces::pad(rule_name(f), 26)) + "  first at execution " + with_commas(f.first) +
        ", " + counted(f.count, "time") + "\n    " + traces::wrap(traces::printable(f.message), style.width, 4) + "\n";
}

// "    and so: finish-event-lost, stop-returned-early"
std::string rest_of_defect_text(std::vector<kept_finding> const& all, std::size_t root, text_style style) {
    std::string out;
    for (auto const& [before, words] : {std::pair(true, "before it: "), std::pair(false, "and so: ")}) {
        std::string rules;
        for (std::size_t i = 0; i < all.size(); ++i)
            if (i != root && all[i].root == root && all[i].led_to == before)
                rules += (rules.empty() ? "" : ", ") + rule_name(all[i].found);
        if (!rules.empty())
            out += "    " + paint(style, tint::faint, words) +
                traces::wrap(rules, style.width, 4 + traces::columns(words)) + "\n";
    }
    if (kept_finding const& of = all[all[root].root]; all[root].root != root)
        out += "    " + std::string(all[root].led_to ? "led to " : "follows from ") + rule_name(of.found) + "\n";
    return out;
}

// The roots that the same execution shows, the one that leads first.
std::string roots_text(std::vector<kept_finding> const& all, std::size_t lead, text_style style) {
    std::string out = finding_text(all[lead].found, style) + rest_of_defect_text(all, lead, style);
    for (std::size_t i = 0; i < all.size(); ++i)
        if (i != lead && all[i].lead == lead && all[i].root == i)
            out += finding_text(all[i].found, style) + rest_of_defect_text(all, i, style);
    return out;
}

std::string kept_finding_text(std::vector<kept_finding> const& all, std::size_t number, text_style style) {
    kept_finding const& k = all[number];
    std::string out = roots_text(all, number, style);
    std::size_t const away = repro::away_from_default(k.small.schedule);
    out += paint(style, tint::faint,
               "    shrunk to " + load_in_words(k.small.scenario) + ", " +
                   (away ? counted(away, "decision") + " away from the default" : "the default order") + ": " +
                   traces::fit(to_string(k.small.schedule), 30)) +
        "\n";
    if (k.twin)
        out += "    " +
            traces::wrap("passes when decision " + std::to_string(k.twin->decision) + " is not \"" +
                    traces::printable(k.twin->taken) + "\" but \"" + traces::printable(k.twin->instead) + "\"",
                style.width, 4) +
            "\n";
    if (!k.also.empty())
        out += "    " +
            traces::wrap(counted(k.also.size(), "further finding") + " of this rule " +
                    (k.also.size() == 1 ? "shrinks" : "shrink") + " to the same",
                style.width, 4) +
            "\n";
    if (!k.trace.empty()) out += "    " + traces::printable(shell_line({"shutdown-repro", "replay", k.trace})) + "\n";
    if (!k.trace.empty() && !k.twin_trace.empty())
        out += "    " + traces::printable(shell_line({"shutdown-repro", "diff", k.trace, k.twin_trace})) + "\n";
    return out;
}

std::string stages_text(exploration_report const& r) {
    std::string names;
    for (repro::stage const& s : r.found.stages)
        names += (names.empty() ? "" : ", then ") + s.strategy + " " + with_commas(s.done.executions);
    return names;
}

std::string shards_text(exploration_report const& r) {
    if (r.shards) return "; " + counted(r.shards, "shard");
    return r.found.shard ? "; " + in_words(*r.found.shard) +
            (r.shard_from == "--shard" ? "" : ", selected by " + traces::printable(r.shard_from))
                         : "";
}

std::string coverage_text(repro::coverage const& c, text_style style) {
    auto const part = [](repro::coverage::moment m) { return with_commas(m.reached) + " of " + with_commas(m.of); };
    std::string text; // of the acts whose moment was open
    for (auto const& [act, steps] : {std::pair("stop", c.stop_steps()), std::pair("free", c.free_steps())})
        if (steps.reached) text += (text.empty() ? "" : ", ") + std::string(act) + " at " + part(steps) + " steps";
    text += text.empty() ? "stop and free as the scenario has them" : " of the default order";
    if (c.phases().of) text += " · phases " + part(c.phases());
    text += " · " + std::string(c.many_orders() ? "about " : "") + with_commas(c.orders()) +
        (c.orders() == 1 ? " order" : " orders");
    std::string out =
        paint(style, tint::faint, traces::pad("covered", 10)) + traces::wrap(text, style.width, 10) + "\n";
    std::uint64_t const missing = c.phases().of - c.phases().reached;
    if (missing == 0) return out;
    std::string names;
    for (std::string const& n : c.never(most_never)) names += (names.empty() ? "" : ", ") + n;
    if (missing > most_never) names += " and " + std::to_string(missing - most_never) + " more";
    return out + paint(style, tint::faint, traces::pad("never", 10)) + traces::wrap(names, style.width, 10) + "\n";
}

// "3 defects, 7 rules: "; "" where there are none, or it is not known of each finding which defect it belongs to.
std::string defects_text(exploration_report const& r) {
    auto const n = count_defects(r);
    return n && n->defects ? counted(n->defects, "defect") + ", " + counted(n->rules, "rule") + ": " : "";
}

std::string headline(exploration_report const& r, text_style style) {
    repro::scenario const& s = r.found.of;
    return paint(style, tint::strong, traces::printable(s.name)) + " · " + server_in_words(s) + " · sim · " +
        load_in_words(s) + "\n";
}

} // namespace

std::string rule_name(repro::finding const& f) { return f.rule.empty() ? std::string(unfinished) : f.rule; }

bool add_to_alike(std::vector<kept_finding>& kept, kept_finding const& k) {
    auto const alike = std::ranges::find_if(
        kept, [&](kept_finding const& other) { return other.found.rule == k.found.rule && same_execution(other, k); });
    if (alike == kept.end()) return false;
    alike->also.push_back(k.found.key);
    return true;
}

void keep_findings(exploration_report& r, std::string const& folder, std::atomic<bool> const& stop) {
    if (r.found.findings.empty()) return;
    kept_traces where(folder.empty() ? "findings" : folder);
    for (repro::finding const& f : r.found.findings) {
        if (r.kept.size() == most_kept) {
            ++r.not_kept;
            continue;
        }
        kept_finding k = smaller(r.found.of, f, stop);
        if (!add_to_alike(r.kept, k)) r.kept.push_back(std::move(k));
    }
    find_defects(r.kept);
    std::string const part =
        r.found.shard ? std::to_string(r.found.shard->index + 1) + "-" : ""; // shards may share the folder
    std::size_t number = 0;
    for (std::size_t i = 0; i < r.kept.size(); ++i)
        if (r.kept[i].lead == i) keep(r.kept[i], part + std::to_string(++number), where);
    for (kept_finding& k : r.kept) { // one execution, one trace
        kept_finding const& lead = r.kept[k.lead];
        if (&lead == &k) continue;
        k.trace = lead.trace;
        k.twin = lead.twin;
        k.twin_trace = lead.twin_trace;
    }
}

std::string as_text(exploration_report const& r, text_style style) {
    std::string out = headline(r, style);
    for (std::size_t i = 0; i < r.kept.size(); ++i)
        if (r.kept[i].lead == i) out += "\n" + kept_finding_text(r.kept, i, style);
    if (r.found.interrupted)
        for (repro::finding const& f : r.found.findings) out += "\n" + finding_text(f, style);
    if (r.not_kept) out += "\n" + counted(r.not_kept, "further finding") + " told by --json\n";
    out += "\n";
    for (std::string const& g : r.found.guarantees())
        out += paint(style, tint::good, "✓ clean") + "   " + traces::wrap(g, style.width, 10) + "\n";
    if (r.found.is_part() && r.found.verdict() == traces::verdict::clean)
        out += paint(style, tint::good, "✓ clean") + "   " +
            traces::wrap("in this shard; merge states what follows from all shards", style.width, 10) + "\n";
    if (r.found.verdict() != traces::verdict::violated && r.found.unfinished)
        out += paint(style, tint::warn, "?") + " " + with_commas(r.found.unfinished) +
            " executions never ended, although no rule was violated\n";
    out += defects_text(r) + counted(r.found.findings.size(), "finding") + " in " + with_commas(r.found.executions) +
        " executions, " + with_commas(r.found.violating) + " of them violated";
    out += " (" + stages_text(r) + "; seed " + std::to_string(r.how.seed) + shards_text(r) + ")";
    out = out.substr(0, out.rfind('\n') + 1) + traces::wrap(out.substr(out.rfind('\n') + 1), style.width, 0) + "\n";
    if (r.found.verified) out += with_commas(r.found.verified) + " executions were run twice, with identical traces\n";
    if (r.found.interrupted)
        out += paint(style, tint::warn,
                   "interrupted: these are the results so far; findings are neither shrunk nor kept") +
            "\n";
    if (r.found.out_of_time) out += paint(style, tint::faint, "stopped after the time of --seconds") + "\n";
    if (r.found.reached) out += coverage_text(*r.found.reached, style);
    if (!r.fixed.empty() && r.found.verdict() == traces::verdict::violated)
        out += paint(style, tint::faint, traces::pad("fixed?", 10)) + r.fixed + "\n";
    return out;
}

} // namespace shutdown_repro::cli
