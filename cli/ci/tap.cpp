#include "cli/ci/check_text.hpp"
#include "cli/ci/reports.hpp"
#include "traces/page/html_text.hpp"

namespace shutdown_repro::cli {

using repro::check_result;
using repro::outcome;

namespace {

// Escapes backslash and "#" in a description; an unescaped "#" begins a directive.
std::string description(std::string_view name) {
    std::string out;
    for (char const c : line_of(name)) {
        if (c == '\\' || c == '#') out += '\\';
        out += c;
    }
    return out;
}

// A JSON string is a YAML scalar in double quotes.
std::string scalar(std::string_view text) { return traces::script_text(text); }

// A YAML block scalar. The first line defines the indentation, so leading spaces and empty lines are removed.
std::string literal(std::string_view key, std::vector<std::string> const& lines) {
    std::string text = joined(lines);
    text.erase(0, text.find_first_not_of(" \n"));
    std::string out = text.empty() ? "" : "  " + std::string(key) + ": |\n";
    while (!text.empty()) {
        std::size_t const end = text.find('\n') + 1;
        out += "    " + text.substr(0, end);
        text.erase(0, end);
    }
    return out;
}

std::string block(check_result const& c) {
    std::string out = "  ---\n  message: " + scalar(headline_of(c)) +
        "\n  severity: " + (c.result == outcome::passed ? "comment" : "fail") +
        "\n  outcome: " + std::string(name_of(c.result)) + "\n";
    if (!c.file.empty()) {
        out += "  at:\n    file: " + scalar(line_of(c.file)) + "\n";
        if (c.line) out += "    line: " + std::to_string(c.line) + "\n";
    }
    out += "  executions: " + std::to_string(c.trials) + "\n  violated: " + std::to_string(c.violated) +
        "\n  inconclusive: " + std::to_string(c.inconclusive) + "\n";
    return out + literal("told", check_lines(c)) + "  ...\n";
}

} // namespace

std::string as_tap(repro::gate_result const& r) {
    std::vector<check_result> const all = all_of(r);
    std::string out = "TAP version 14\n1.." + std::to_string(all.size()) + "\n";
    for (std::size_t i = 0; i < all.size(); ++i) {
        check_result const& c = all[i];
        out += (c.result == outcome::passed ? "ok " : "not ok ") + std::to_string(i + 1) + " - " + description(c.name) +
            "\n";
        out += block(c);
    }
    if (r.interrupted) out += "Bail out! interrupted: further checks were not run\n";
    return out;
}

} // namespace shutdown_repro::cli
