#include "traces/rules/stderr_text.hpp"
#include <algorithm>
#include <array>

namespace shutdown_repro::traces {
namespace {

template <class F> void each_line(std::string_view text, F&& f) {
    while (!text.empty()) {
        std::size_t const end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        f(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

// Returns the text between the two, or "" if one of them is missing.
std::string_view between(std::string_view line, std::string_view before, std::string_view after) {
    std::size_t const begin = line.find(before);
    if (begin == std::string_view::npos) return {};
    line.remove_prefix(begin + before.size());
    std::size_t const end = line.rfind(after);
    return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

bool is_number(std::string_view s) {
    return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "scope.c:1189" out of "php: ext/async/scope.c:1189: scope_dispose: "
std::string place_before(std::string_view head) {
    for (std::size_t colon = head.find(':'); colon != std::string_view::npos; colon = head.find(':', colon + 1)) {
        std::size_t const end = std::min(head.find_first_of(":, ", colon + 1), head.size());
        if (!is_number(head.substr(colon + 1, end - colon - 1))) continue;
        std::size_t const begin = head.find_last_of(" \t", colon);
        return std::string(head.substr(
            begin == std::string_view::npos ? 0 : begin + 1, end - (begin == std::string_view::npos ? 0 : begin + 1)));
    }
    return {};
}

// Developers often put a sentence into the condition: count == 0 && "must be empty".
std::string_view sentence_in(std::string_view condition) {
    std::string_view const quoted = between(condition, "\"", "\"");
    return quoted.empty() ? condition : quoted;
}

bool parse_assertion(std::string_view line, failed_assertion& out) {
    out.line = line;
    // glibc: program: file.c:12: function: Assertion `condition' failed.
    if (auto const condition = between(line, "Assertion `", "' failed"); !condition.empty()) {
        out.message = sentence_in(condition);
        out.where = place_before(line.substr(0, line.find("Assertion `")));
        return true;
    }
    // BSD, macOS: Assertion failed: (condition), function f, file x.c, line 12.   musl: Assertion failed: condition
    // (x.c: f: 12)
    if (std::size_t const at = line.find("Assertion failed: "); at != std::string_view::npos) {
        std::string_view rest = line.substr(at + 18);
        std::string_view const file = between(rest, ", file ", ", line ");
        if (!file.empty()) {
            std::string_view number = rest.substr(rest.rfind(", line ") + 7);
            number = number.substr(0, number.find_first_not_of("0123456789"));
            out.where = std::string(file) + ":" + std::string(number);
            rest = rest.substr(0, std::min(rest.find(", function "), rest.find(", file ")));
            if (rest.starts_with('(') && rest.ends_with(')')) rest = rest.substr(1, rest.size() - 2);
        }
        out.message = sentence_in(rest);
        return true;
    }
    // Python: AssertionError: message   Rust: assertion failed: condition   Node: AssertionError [ERR_ASSERTION]:
    // message
    static constexpr std::array<std::string_view, 4> others = {
        "AssertionError", "assertion failed", "assertion `", "Assertion failed"};
    for (std::string_view const word : others) {
        if (line.find(word) == std::string_view::npos) continue;
        std::string_view const message = line.substr(line.find(word));
        std::size_t const colon = message.find(": ");
        out.message = colon == std::string_view::npos || word == others[2] ? message : message.substr(colon + 2);
        return true;
    }
    return false;
}

} // namespace

std::vector<failed_assertion> assertions_in(std::string_view text) {
    std::vector<failed_assertion> out;
    each_line(text, [&](std::string_view line) {
        failed_assertion a;
        if (parse_assertion(line, a)) out.push_back(std::move(a));
    });
    return out;
}

std::vector<std::string> sanitizer_reports_in(std::string_view text) {
    static constexpr std::array<std::string_view, 5> names = {"AddressSanitizer: ", "ThreadSanitizer: ",
        "MemorySanitizer: ", "LeakSanitizer: ", "UndefinedBehaviorSanitizer: "};
    std::vector<std::string> out;
    each_line(text, [&](std::string_view line) {
        if (line.starts_with("SUMMARY: ")) return; // repeats what the report said
        bool const starts_report =
            line.find("ERROR: ") != std::string_view::npos || line.find("WARNING: ") != std::string_view::npos;
        for (std::string_view const name : names)
            if (std::size_t const at = line.find(name); starts_report && at != std::string_view::npos)
                return out.push_back(std::string(line.substr(at)));
        if (line.find(": runtime error: ") != std::string_view::npos) out.push_back(std::string(line));
    });
    return out;
}

} // namespace shutdown_repro::traces
