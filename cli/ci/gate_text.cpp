#include <algorithm>
#include "cli/ci/check_text.hpp"
#include "cli/ci/gate_report.hpp"
#include "cli/options/arguments.hpp"
#include "cli/options/shard.hpp"
#include "cli/terminal/shell_line.hpp"
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {
namespace {

using namespace traces;
using repro::check_result;
using repro::gate_result;
using repro::gate_violation;
using repro::outcome;

constexpr std::size_t widest_name = 38;
constexpr std::size_t most_told = 4; // violations of one check that are told in detail; --json has all

std::string mark(outcome o, text_style style) {
    switch (o) {
    case outcome::passed: return paint(style, tint::good, "✓");
    case outcome::failed: return paint(style, tint::bad, "✗");
    case outcome::stale: return paint(style, tint::warn, "!");
    case outcome::inconclusive: break;
    }
    return paint(style, tint::warn, "?");
}

std::string violation_text(check_result const& c, gate_violation const& s, text_style style) {
    std::string out = "    " + wrap(std::string(s.rule) + ": " + printable(s.message), style.width, 6) + "\n";
    if (std::string const rules = rules_before(s, c); !rules.empty())
        out += "    " + paint(style, tint::faint, pad("before", 8)) + wrap(rules, style.width, 12) + "\n";
    if (std::string const rules = rules_after(s, c); !rules.empty())
        out += "    " + paint(style, tint::faint, pad("and so", 8)) + wrap(rules, style.width, 12) + "\n";
    if (!s.trace.empty())
        out += "    " + paint(style, tint::faint, pad("why", 8)) +
            printable(shell_line({"shutdown-repro", "inspect", s.trace, "--explain"})) + "\n";
    if (!s.replay.empty())
        out += "    " + paint(style, tint::faint, pad("again", 8)) + printable(s.replay) +
            "\n"; // not wrapped, because users copy it
    return out;
}

std::string check_text(check_result const& c, std::size_t name_width, text_style style) {
    std::string const name = printable(c.name);
    std::size_t const indent = name_width + 4;
    std::string out = mark(c.result, style) + " " + paint(style, tint::strong, pad(name, name_width));
    bool first = true;
    for (std::string const& sentence : c.why) {
        bool const beside = first && columns(name) <= name_width;
        out += (beside ? "  " : "\n" + std::string(indent, ' ')) + wrap(printable(sentence), style.width, indent);
        first = false;
    }
    out += "\n";
    if (c.result != outcome::failed) return out;
    std::size_t told = 0, all = 0;
    for (gate_violation const& s : c.violations)
        if (fails(s) && ++all <= most_told) out += violation_text(c, s, style), ++told;
    if (all > told) out += "    … " + std::to_string(all - told) + " more; --json has all\n";
    return out;
}

} // namespace

std::string as_text(gate_result const& r, text_style style) {
    std::string out, counts;
    std::size_t name_width = 0;
    for (check_result const& c : r.checks)
        name_width = std::max(name_width, std::min(columns(printable(c.name)), widest_name));
    for (check_result const& c : r.checks) out += check_text(c, name_width, style);
    for (std::string const& s : r.stale)
        out += mark(outcome::stale, style) + " " + wrap(printable(s), style.width, 2) + "\n";
    for (outcome const o : {outcome::passed, outcome::failed, outcome::stale, outcome::inconclusive}) {
        auto const n = static_cast<std::size_t>(std::ranges::count(r.checks, o, &check_result::result)) +
            (o == outcome::stale ? r.stale.size() : 0);
        if (n || o == outcome::passed)
            counts += (counts.empty() ? "" : ", ") + std::to_string(n) + " " + std::string(name_of(o));
    }
    if (r.shard) counts += " · " + in_words(r.shard->mine) + (r.is_part() ? "; merge judges the whole" : "");
    out += counts + "\n";
    if (r.interrupted) out += paint(style, tint::warn, "interrupted: these are the results so far") + "\n";
    return out;
}

int status_of(repro::outcome o) {
    switch (o) {
    case repro::outcome::passed: return repro::clean;
    case repro::outcome::failed: return repro::violated;
    case repro::outcome::stale: return repro::stale_baseline;
    case repro::outcome::inconclusive: break;
    }
    return repro::inconclusive;
}

} // namespace shutdown_repro::cli
