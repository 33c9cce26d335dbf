#include "traces/markdown/bug_report.hpp"
#include <algorithm>
#include "traces/causes/alike.hpp"
#include "traces/causes/process_ends.hpp"
#include "traces/causes/roots.hpp"
#include "traces/markdown/escape.hpp"
#include "traces/markdown/sequence.hpp"
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t most_inside = 12, most_told = 12;

// Escapes the text of a rule, which contains no markup.
std::string prose(std::string_view words) {
    std::string out;
    for (char const c : words) {
        if (std::string_view("\\`*_<>[]|#").find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

class writer {
public:
    explicit writer(bug_report const& r)
        : of_(r),
          places_(roots_of(r.trace, r.violations)),
          number_(first_root()),
          root_(r.violations[number_]),
          rule_(find_rule(root_.rule)) {
        cause_finder const causes(r.trace);
        for (event const& e : r.trace.events) ends_.note(e);
        steps_ = shortened(causes.path_to(root_));
    }

    std::string text() const { return summary() + reproduce() + happens() + chain() + expected() + others(); }

private:
    std::size_t first_root() const {
        std::size_t best = of_.violations.size();
        auto const level = [&](std::size_t root) { return level_of_defect(of_.violations, places_, root); };
        for (std::size_t i = 0; i < of_.violations.size(); ++i)
            if (leads(i) && (best == of_.violations.size() || level(i) > level(best))) best = i;
        return best;
    }

    // Whether it is the root that a defect is called after.
    bool leads(std::size_t i) const { return places_[i].is == defect_part::root && places_[i].like == i; }

    std::string message(std::size_t root) const { return message_of_root(of_.violations, places_, root); }

    std::string under(defect_part part) const { return rules_under(of_.violations, places_, number_, part); }

    std::string summary() const {
        std::string out =
            "# " + code_span(of_.subject) + ": " + code_span(root_.rule) + " when it is stopped\n\n## Summary\n\n";
        out += code_span(message(number_)) + ".\n\n";
        if (rule_)
            out += "This breaks the rule " + code_span(root_.rule) + ": it is violated when " + prose(rule_->summary) +
                ".\n";
        if (std::string const rules = under(defect_part::after); !rules.empty())
            out += "What follows from it: " + code_span(rules) + ".\n";
        if (std::string const rules = under(defect_part::before); !rules.empty())
            out += "What came before it and led to it: " + code_span(rules) + ".\n";
        return out + "\n";
    }

    std::string reproduce() const {
        std::string out = "## How to reproduce\n\n";
        if (!of_.again.empty()) out += code_block("sh", of_.again) + "\n";
        if (!of_.document.empty()) out += "What it runs:\n\n" + code_block("json", of_.document) + "\n";
        if (of_.again.empty() && of_.document.empty()) out += "The trace does not say how it was made.\n\n";
        for (std::string const& v : of_.versions) out += "- " + code_span(v) + "\n";
        return out + (of_.versions.empty() ? "" : "\n");
    }

    std::string happens() const {
        std::string out = "## What happens\n\n";
        out += "At event " + std::to_string(root_.at) + ": " + code_span(message(number_)) + ".\n\n";
        if (!root_.inside.empty()) out += "Still inside at that moment:\n\n";
        for (std::size_t i = 0; i < root_.inside.size() && i < most_inside; ++i)
            out += "- " + code_span(root_.inside[i]) + "\n";
        if (root_.inside.size() > most_inside) out += "- and more, which the trace names\n";
        if (!root_.inside.empty()) out += "\n";
        return out + told_of(defect_part::before, "Before it:") + told_of(defect_part::after, "And so:");
    }

    // Lists the other violations of the defect, one line each.
    std::string told_of(defect_part part, std::string_view heading) const {
        std::string out;
        std::size_t told = 0, all = 0;
        for (std::vector<violation const*> const& alike : grouped_under(of_.violations, places_, number_, part)) {
            if (++all > most_told) continue;
            out += "- " + code_span(alike.front()->rule) + " at event " + std::to_string(alike.front()->at) + ": " +
                code_span(message_of_all(alike)) + "\n";
            ++told;
        }
        if (all > told) out += "- and " + std::to_string(all - told) + " more\n";
        return out.empty() ? "" : std::string(heading) + "\n\n" + out + "\n";
    }

    std::string chain() const {
        std::string out = "## Root cause (call chain)\n\n";
        std::size_t number = 0;
        auto const step = [&](event const* e) {
            std::string const end = ends_.in_words(e->seq);
            out += std::to_string(++number) + ". event " + std::to_string(e->seq) + ", " + code_span(kind_text(*e)) +
                ": " + code_span(phrase(*e)) + (end.empty() ? "" : ", " + end) +
                (e->seq == root_.at ? " **← " + prose(root_.rule) + "**" : "") + "\n";
        };
        for (event const* e : steps_.head) step(e);
        if (steps_.left_out) {
            out += std::to_string(++number) + ". " + std::to_string(steps_.left_out) + " further events lie between\n";
            for (event const* e : steps_.tail) step(e);
        }
        return out + "\n" + code_block("mermaid", sequence_diagram(steps_, root_.rule, root_.at)) + "\n";
    }

    std::string expected() const {
        std::string out = "## Expected behavior\n\n";
        if (rule_) out += prose(rule_->why) + "\n\n";
        if (rule_ && !rule_->fix.empty()) out += "What usually fixes it: " + prose(rule_->fix) + ".\n\n";
        if (!of_.passes.empty()) out += "The same execution passes " + code_span(of_.passes) + ".\n\n";
        return out;
    }

    // Other defects of the same execution are not part of this report.
    std::string others() const {
        std::string out;
        for (std::size_t i = 0; i < of_.violations.size(); ++i)
            if (i != number_ && leads(i) && of_.violations[i].level != severity::note)
                out += "- " + code_span(of_.violations[i].rule) + ": " + code_span(message(i)) + "\n";
        return out.empty() ? "" : "## Other defects in the same execution\n\n" + out;
    }

    bug_report const& of_;
    std::vector<defect_place> places_;
    std::size_t number_;
    violation const& root_;
    rule_info const* rule_;
    short_path steps_;
    process_ends ends_;
};

} // namespace

std::string as_markdown(bug_report const& r) { return writer(r).text(); }

} // namespace shutdown_repro::traces
