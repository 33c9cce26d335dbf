// What is broken: a card a violation, with who was inside and the way that led there.
#include "traces/views/html_parts.hpp"
#include "traces/views/html_text.hpp"
#include "traces/views/phrase.hpp"
#include "traces/views/text.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t most_inside = 12;  // lines of who was inside, of one violation
constexpr std::size_t most_steps = 30;   // of one way; the middle of a longer one is left out

std::string_view sign(severity level) { return level == severity::error ? "✗" : level == severity::warning ? "!" : "·"; }

std::string inside(violation const& v) {
    if (v.inside.empty()) return {};
    std::string out = "<h4>Still inside</h4>\n<ul class=\"inside\">";
    for (std::size_t i = 0; i < v.inside.size() && i < most_inside; ++i) {
        std::string const& line = v.inside[i]; // the id, then a gap, then about it
        std::size_t const gap = std::min(line.find("   "), line.size());
        out += "<li><b>" + html_text(line.substr(0, gap)) + "</b> " + html_text(line.substr(std::min(line.size(), gap + 3))) + "</li>";
    }
    if (v.inside.size() > most_inside) out += "<li>… and " + std::to_string(v.inside.size() - most_inside) + " more</li>";
    return out + "</ul>\n";
}

std::string step(html_view const& v, event const& e, violation const& broken) {
    std::size_t const i = static_cast<std::size_t>(&e - v.events().data());
    std::string const cls = e.seq == broken.at ? " class=\"broken\"" : is_act(e.what) ? " class=\"act\"" : "";
    return "<li" + cls + "><a href=\"#" + v.row(i) + "\">#" + std::to_string(e.seq) + "</a> <span class=\"kind\">" + html_text(kind_text(e)) + "</span> <span class=\"said\">"
         + html_text(phrase(e)) + "</span></li>\n";
}

std::string steps(html_view const& v, html_view::told const& one, bool open) {
    std::size_t const n = one.steps.size();
    if (n == 0) return {};
    std::string out = "<details" + std::string(open ? " open" : "") + "><summary>How it came: " + counted(n, "step") + "</summary>\n<ol class=\"steps\">\n";
    for (std::size_t i = 0; i < n; ++i) {
        if (i == most_steps / 3 && n > most_steps) {
            std::size_t const left_out = n - most_steps;
            out += "<li class=\"left-out\">… " + counted(left_out, "step") + " in between</li>\n";
            i += left_out;
        }
        out += step(v, *one.steps[i], *one.what);
    }
    return out + "</ol></details>\n";
}

std::string rule_text(violation const& v) {
    rule_info const* rule = find_rule(v.rule);
    if (!rule) return {};
    std::string out = "<details><summary>What the rule means</summary>\n<p>" + html_text(rule->why) + "</p>\n";
    if (!rule->fix.empty()) out += "<p><b>Usually fixed so:</b> " + html_text(rule->fix) + "</p>\n";
    if (!rule->cites.empty()) out += "<p class=\"cites\">Seen in " + html_text(rule->cites) + "</p>\n";
    return out + "</details>\n";
}

std::string card(html_view const& v, html_view::told const& one, bool first) {
    violation const& broken = *one.what;
    std::size_t const at = v.index_of(broken.at);
    std::string out = "<article class=\"card " + std::string(name_of(broken.level)) + (first ? " first" : "") + "\">\n<h3><span class=\"sign\" aria-hidden=\"true\">"
                    + std::string(sign(broken.level)) + "</span> " + html_text(broken.rule) + " <span class=\"level\">" + std::string(name_of(broken.level)) + "</span></h3>\n<p class=\"message\">"
                    + html_text(broken.message) + "</p>\n";
    if (at != html_view::none)
        out += "<p class=\"where\"><a href=\"#" + v.row(at) + "\">at #" + std::to_string(broken.at) + "</a>, " + duration(v.since_start(v.events()[at])) + " after the first event · <a href=\"#" + v.mark(at)
             + "\">in the lanes</a></p>\n";
    return out + inside(broken) + steps(v, one, first) + rule_text(broken) + "</article>\n";
}

} // namespace

std::string html_violations(html_view const& v) {
    if (v.violations().empty()) return {};
    std::string out = "<section class=\"violations\" aria-label=\"Violations\">\n";
    for (std::size_t i = 0; i < v.violations().size(); ++i) out += card(v, v.violations()[i], i == 0);
    std::string more;
    for (auto const& [rule, count] : v.of_rule()) {
        std::size_t told = 0;
        for (auto const& one : v.violations()) told += one.what->rule == rule;
        if (count > told) more += "<li><b>" + html_text(rule) + "</b> " + std::to_string(count - told) + " more like these; the list of events marks each</li>\n";
    }
    if (!more.empty()) out += "<ul class=\"more\">" + more + "</ul>\n";
    return out + "</section>\n";
}

} // namespace shutdown_repro::traces
