#include <algorithm>
#include "cli/ci/check_text.hpp"
#include "cli/ci/reports.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::cli {

using repro::check_result;
using repro::outcome;

namespace {

// Escapes the characters that GitHub's runner unescapes in the text of a command, and the further ones in its
// properties.
std::string escaped(std::string_view text, bool property) {
    std::string out;
    for (char const c : text) {
        if (c == '%') out += "%25";
        else if (c == '\r') out += "%0D";
        else if (c == '\n') out += "%0A";
        else if (property && c == ':') out += "%3A";
        else if (property && c == ',') out += "%2C";
        else out += c;
    }
    return out;
}

std::string annotation(check_result const& c) {
    std::string properties;
    if (!c.file.empty()) properties += "file=" + escaped(line_of(c.file), true) + ",";
    if (!c.file.empty() && c.line) properties += "line=" + std::to_string(c.line) + ",";
    properties += "title=" + escaped(line_of(c.name) + ": " + std::string(name_of(c.result)), true);
    std::string text = joined(check_lines(c));
    if (text.empty()) text = headline_of(c) + "\n";
    text.pop_back();
    return "::error " + properties + "::" + escaped(text, false) + "\n";
}

// ASCII only, independent of the locale.
bool punctuation(char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Escapes every punctuation mark, so that the text can't contain a link, an image, HTML or a cell border.
std::string markdown(std::string_view text) {
    std::string out;
    for (char const c : line_of(text)) {
        if (punctuation(c) && c != '-' && c != ',') out += '\\';
        out += c;
    }
    return out;
}

std::string_view mark(outcome o) { return o == outcome::passed ? "✓" : o == outcome::inconclusive ? "?" : "✗"; }

std::string row(check_result const& c) {
    std::string out = "| " + std::string(mark(c.result)) + " " + std::string(name_of(c.result)) + " | " +
        markdown(c.name) + " | " + markdown(place_of(c)) + " | ";
    for (std::string const& why : c.why) out += markdown(why) + "<br>";
    for (repro::gate_violation const& v : c.violations) {
        if (out.size() > 20'000) break;                     // the other reports have the rest
        if (v.stands == repro::standing::follows) continue; // its root names it
        out += (fails(v) ? "**" + markdown(v.rule) + "**" : markdown(v.rule)) + " " + std::to_string(v.count) + " of " +
            std::to_string(c.trials) + ": " + markdown(v.message) + "<br>";
        if (std::string const rules = rules_before(v, c); !rules.empty())
            out += "before it: " + markdown(rules) + "<br>";
        if (std::string const rules = rules_after(v, c); !rules.empty()) out += "and so: " + markdown(rules) + "<br>";
        if (!v.replay.empty()) out += markdown(v.replay) + "<br>";
    }
    if (out.ends_with("<br>")) out.resize(out.size() - 4);
    return out + " |\n";
}

} // namespace

std::string as_github(repro::gate_result const& r) {
    std::string out;
    for (check_result const& c : all_of(r))
        if (c.result != outcome::passed) out += annotation(c);
    if (r.interrupted) out += "::error title=shutdown-repro::interrupted%3A further checks were not run\n";
    return out;
}

// Commands stay disabled until a token appears. The token is the first of a fixed series that the text does not
// contain, in upper or lower case, so the text can't enable commands again, and the same text always gets the same
// token.
std::string without_github_commands(std::string_view text) {
    std::string folded(text), token;
    std::ranges::transform(folded, folded.begin(), lower);
    for (unsigned n = 0; token.empty() || folded.find(token) != folded.npos; ++n)
        token = "shutdown-repro-output-" + std::to_string(n) + "-ends";
    return "::stop-commands::" + token + "\n" + std::string(text) + (text.empty() || text.back() == '\n' ? "" : "\n") +
        "::" + token + "::\n";
}

std::string as_step_summary(repro::gate_result const& r, std::size_t most) {
    std::vector<check_result> order = all_of(r);
    auto const bad = static_cast<std::size_t>(
        std::ranges::stable_partition(order, [](check_result const& c) { return c.result != outcome::passed; })
            .begin() -
        order.begin());
    std::string out = "### shutdown-repro gate: " + traces::counted(order.size() - bad, "check") + " passed, " +
        std::to_string(bad) + " not" + (r.interrupted ? ", interrupted" : "") + "\n\n";
    out += "| | check | where | result |\n|---|---|---|---|\n";
    constexpr std::size_t room_for_the_rest = 100;
    for (std::size_t i = 0; i < order.size(); ++i) {
        std::string const next = row(order[i]);
        if (out.size() + next.size() + room_for_the_rest > most)
            return out + "\n" + traces::counted(order.size() - i, "further check") + " did not fit here.\n";
        out += next;
    }
    return out + "\n";
}

} // namespace shutdown_repro::cli
