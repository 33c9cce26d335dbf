// Writes a card for each violation, with the live members of the scope and the path of events that led to it.
#include <algorithm>
#include "traces/page/html_text.hpp"
#include "traces/page/parts.hpp"
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t most_inside = 6; // lines about live members of the scope, for one violation
constexpr std::size_t most_steps = 30; // of one path; the middle of a longer one is left out

std::string_view sign(severity level) {
    return level == severity::error ? "✗" : level == severity::warning ? "!" : "·";
}

std::string inside(violation const& v) {
    if (v.inside.empty()) return {};
    std::string out = "<ul class=\"inside\" aria-label=\"Still inside\">";
    for (std::size_t i = 0; i < v.inside.size() && i < most_inside; ++i) {
        std::string const& line = v.inside[i]; // the id, a gap, then the description
        std::size_t const gap = std::min(line.find("   "), line.size());
        out += "<li><b>" + html_text(line.substr(0, gap)) + "</b> " +
            html_text(line.substr(std::min(line.size(), gap + 3))) + "</li>";
    }
    std::size_t const all = v.inside_unnamed ? v.inside.size() - 1 + v.inside_unnamed : v.inside.size();
    if (v.inside.size() > most_inside) out += "<li>… and " + std::to_string(all - most_inside) + " more</li>";
    return out + "</ul>";
}

std::string step(html_view const& v, event const& e, violation const& broken) {
    std::size_t const i = static_cast<std::size_t>(&e - v.events().data());
    std::string const cls = e.seq == broken.at ? " class=\"broken\"" : is_act(e.what) ? " class=\"act\"" : "";
    return "<li" + cls + "><a href=\"#" + v.row(i) + "\">#" + std::to_string(e.seq) + "</a> <span class=\"kind\">" +
        html_text(kind_text(e)) + "</span> <span class=\"said\">" + html_text(phrase(e)) + "</span></li>\n";
}

std::string steps(html_view const& v, html_view::shown_violation const& one) {
    std::size_t const n = one.steps.size();
    if (n == 0) return {};
    std::string out = "<h3>Steps that led to it (" + std::to_string(n) + ")</h3>\n<ol class=\"steps\">\n";
    for (std::size_t i = 0; i < n; ++i) {
        if (i == most_steps / 3 && n > most_steps) {
            std::size_t const left_out = n - most_steps;
            out += "<li class=\"left-out\">… " + counted(left_out, "step") + " in between</li>\n";
            i += left_out;
        }
        out += step(v, *one.steps[i], *one.what);
    }
    return out + "</ol>\n";
}

std::string meaning(violation const& v) {
    rule_info const* rule = find_rule(v.rule);
    if (!rule) return {};
    std::string out = "<h3>What the rule means</h3>\n<p>" + html_text(rule->why) + "</p>\n";
    if (!rule->fix.empty()) out += "<h3>What usually fixes it</h3>\n<p>" + html_text(rule->fix) + "</p>\n";
    if (!rule->cites.empty()) out += "<p class=\"cites\">Seen in " + html_text(rule->cites) + "</p>\n";
    return out;
}

std::string heading(violation const& v) {
    return "<h2><span class=\"sign\" aria-hidden=\"true\">" + std::string(sign(v.level)) + "</span> " +
        html_text(v.rule) + " <span class=\"level\">" + std::string(name_of(v.level)) + "</span></h2>";
}

std::string link(html_view const& v, violation const& broken, std::string const& words) {
    std::size_t const at = v.index_of(broken.at);
    return at == html_view::none
        ? ""
        : "<a class=\"where\" href=\"#" + v.row(at) + "\">" + words + "#" + std::to_string(broken.at) + "</a>";
}

// The rest of its defect by name, or the root whose defect it belongs to.
std::string defect(html_view const& v, violation const& broken) {
    if (violation const& root = v.root_of(broken); &root != &broken)
        return "<p class=\"where\">" +
            std::string(v.part_of(broken) == defect_part::after ? "follows from " : "led to ") + html_text(root.rule) +
            " " + link(v, root, "") + "</p>\n";
    std::string out;
    for (auto const& [part, words] :
        {std::pair(defect_part::before, "Before it: "), std::pair(defect_part::after, "And so: ")})
        if (std::string const rules = v.rules_under(broken, part); !rules.empty())
            out += "<p class=\"where\">" + std::string(words) + html_text(rules) + "</p>\n";
    return out;
}

// The first root of the highest severity, in full.
std::string card(html_view const& v, html_view::shown_violation const& one) {
    violation const& broken = *one.what;
    std::size_t const at = v.index_of(broken.at);
    std::string out = "<article class=\"card first " + std::string(name_of(broken.level)) + "\">\n<div>" +
        heading(broken) + "\n<p class=\"message\">" + html_text(v.message(broken)) + "</p>\n<p class=\"where\">" +
        link(v, broken, "at ");
    if (at != html_view::none)
        out += ", " + duration(v.since_start(v.events()[at])) + " after the first event · <a href=\"#" + v.mark(at) +
            "\">in the lanes</a>";
    out += "</p>\n" + defect(v, broken);
    if (!broken.inside.empty()) out += "<h3>Still inside</h3>\n" + inside(broken) + "\n";
    std::string const means = meaning(broken);
    if (!means.empty()) out += "<details><summary>About the rule</summary>\n" + means + "</details>\n";
    return out + "</div>\n<div>" + steps(v, one) + "</div></article>\n";
}

// The other violations in a line or two each; unfolded, they are as detailed.
std::string line(html_view const& v, html_view::shown_violation const& one) {
    violation const& broken = *one.what;
    return "<details class=\"" + std::string(name_of(broken.level)) + "\"><summary>" + heading(broken) +
        " <span class=\"message\">" + html_text(v.message(broken)) + inside(broken) + "</span> " + link(v, broken, "") +
        "</summary>\n<div class=\"more\">" + defect(v, broken) + steps(v, one) + meaning(broken) + "</div></details>\n";
}

} // namespace

std::string html_violations(html_view const& v) {
    auto const& all = v.violations();
    if (all.empty()) return {};
    std::string lines;
    for (std::size_t i = 1; i < all.size(); ++i) lines += line(v, all[i]);
    for (auto const& [rule, count] : v.of_rule()) {
        auto const told = static_cast<std::size_t>(
            std::count_if(all.begin(), all.end(), [rule](auto const& one) { return one.what->rule == rule; }));
        if (count > told)
            lines += "<p class=\"others\"><b>" + html_text(rule) + "</b> " + std::to_string(count - told) +
                " more like these; the list of events marks them</p>\n";
    }
    return "<section class=\"violations\" aria-label=\"Violations\">\n" + card(v, all[0]) +
        (lines.empty() ? "" : "<div class=\"card others\">\n" + lines + "</div>\n") + "</section>\n";
}

} // namespace shutdown_repro::traces
