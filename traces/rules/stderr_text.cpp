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

// The runtimes of C and C++: they print the place first, and then abort.
// glibc: program: file.c:12: function: Assertion `condition' failed.   libstdc++: file.h:12: function: Assertion
// 'condition' failed.   libc++: file:12: assertion condition failed: message
bool parse_with_place(std::string_view line, failed_assertion& out) {
    struct form {
        std::string_view before, after;
        bool of_c; // its place may follow the name of the program, and nothing follows it
    };
    static constexpr std::array<form, 3> forms = {
        {{"Assertion `", "' failed.", true}, {"Assertion '", "' failed.", true}, {": assertion ", " failed: ", false}}};
    for (form const& f : forms) {
        std::size_t const at = line.find(f.before);
        if (at == std::string_view::npos || (f.of_c && !line.ends_with(f.after))) continue;
        std::string_view const head = line.substr(0, at + 1); // a form may begin with the colon of the place
        std::string_view const condition = between(line, f.before, f.after);
        std::string const place = place_before(head);
        if (condition.empty() || place.empty() || (!f.of_c && head.find(' ') != head.npos)) continue;
        out.message = sentence_in(condition);
        out.where = place;
        return true;
    }
    return false;
}

// BSD, macOS: Assertion failed: (condition), function f, file x.c, line 12.
// musl: Assertion failed: condition (x.c: f: 12)
bool parse_of_libc(std::string_view line, failed_assertion& out) {
    static constexpr std::string_view begin = "Assertion failed: ";
    if (!line.starts_with(begin)) return false;
    std::string_view rest = line.substr(begin.size());
    std::string_view const file = between(rest, ", file ", ", line ");
    bool const of_musl = rest.ends_with(')') && rest.find(": ", rest.rfind(" (")) != std::string_view::npos;
    if (!file.empty()) {
        std::string_view number = rest.substr(rest.rfind(", line ") + 7);
        number = number.substr(0, number.find_first_not_of("0123456789"));
        out.where = std::string(file) + ":" + std::string(number);
        rest = rest.substr(0, std::min(rest.find(", function "), rest.find(", file ")));
        if (rest.starts_with('(') && rest.ends_with(')')) rest = rest.substr(1, rest.size() - 2);
    }
    out.message = sentence_in(rest);
    out.ends_process = !file.empty() || of_musl;
    return true;
}

bool parse_assertion(std::string_view line, failed_assertion& out) {
    out.line = line;
    if (parse_with_place(line, out)) return out.ends_process = true;
    if (parse_of_libc(line, out)) return true;
    // Python: AssertionError: message   Rust: assertion failed: condition   Node: AssertionError [ERR_ASSERTION]:
    // message
    static constexpr std::array<std::string_view, 5> others = {
        "AssertionError", "assertion failed", "assertion `", "Assertion failed", "Assertion `"};
    for (std::string_view const word : others) {
        std::size_t const at = line.find(word);
        if (at == std::string_view::npos) continue;
        std::string_view const message = line.substr(at);
        bool const quoted = word.ends_with('`');
        if (quoted && message.find("failed") == std::string_view::npos) continue;
        std::size_t const colon = message.find(": ");
        out.message = colon == std::string_view::npos || quoted ? message : message.substr(colon + 2);
        return true;
    }
    return false;
}

// The line without the sequences that color it on a terminal ("\x1b[1m\x1b[31m==7==ERROR: …").
std::string without_colors(std::string_view line) {
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line.substr(i).starts_with("\x1b["))
            i = std::min(line.find_first_not_of("0123456789;", i + 2), line.size());
        else out += line[i];
    }
    return out;
}

template <class F> void each_plain_line(std::string_view text, F&& f) {
    each_line(text, [&](std::string_view line) {
        if (line.find('\x1b') == std::string_view::npos) f(line);
        else f(std::string_view(without_colors(line)));
    });
}

// The line without the name of a service before it.
std::string_view without_service(std::string_view line) {
    std::size_t const bar = line.find("| "), space = line.find(' ');
    bool const is_name = bar != std::string_view::npos && bar > 0 && space < bar &&
        line.substr(space, bar - space).find_first_not_of(' ') == std::string_view::npos;
    return is_name ? line.substr(bar + 2) : line;
}

// "AddressSanitizer: …" out of "ERROR: AddressSanitizer: …", or "".
std::string_view after_severity(std::string_view text) {
    static constexpr std::array<std::string_view, 6> names = {"AddressSanitizer", "HWAddressSanitizer",
        "ThreadSanitizer", "MemorySanitizer", "LeakSanitizer", "UndefinedBehaviorSanitizer"};
    for (std::string_view const severity : {"ERROR: ", "WARNING: "}) {
        if (!text.starts_with(severity)) continue;
        std::string_view const report = text.substr(severity.size());
        for (std::string_view const name : names)
            if (report.starts_with(name) && report.substr(name.size()).starts_with(": ")) return report;
    }
    return {};
}

// "WARNING: ThreadSanitizer: …" begins its line. "==7==ERROR: AddressSanitizer: …" may follow what the program had
// written of a line; a URL in a log has no space before it.
std::string_view report_of_sanitizer(std::string_view line) {
    if (std::string_view const report = after_severity(line); !report.empty()) return report;
    for (std::size_t at = line.find("=="); at != std::string_view::npos; at = line.find("==", at + 1)) {
        std::size_t const end = line.find("==", at + 2);
        if (end == std::string_view::npos) return {};
        if ((at > 0 && line[at - 1] != ' ') || !is_number(line.substr(at + 2, end - at - 2))) continue;
        if (std::string_view const report = after_severity(line.substr(end + 2)); !report.empty()) return report;
    }
    return {};
}

// UndefinedBehaviorSanitizer: file.cpp:3:4: runtime error: … Programs speak of runtime errors, too (a panic in Go), but
// not behind a line and a column.
bool is_undefined_behavior(std::string_view line) {
    std::size_t at = line.find(": runtime error: ");
    if (at == std::string_view::npos) return false;
    std::string_view place = line.substr(0, at);
    for (int i = 0; i < 2; ++i) {
        std::size_t const colon = place.rfind(':');
        if (colon == std::string_view::npos || !is_number(place.substr(colon + 1))) return false;
        place = place.substr(0, colon);
    }
    return !place.empty() && place.find(": ") == std::string_view::npos && !place.ends_with(']');
}

} // namespace

std::vector<failed_assertion> assertions_in(std::string_view text) {
    std::vector<failed_assertion> out;
    each_plain_line(text, [&](std::string_view line) {
        failed_assertion a;
        if (parse_assertion(without_service(line), a)) out.push_back(std::move(a));
    });
    return out;
}

std::vector<sanitizer_report> sanitizer_reports_in(std::string_view text) {
    std::vector<sanitizer_report> out;
    each_plain_line(text, [&](std::string_view line) {
        line = without_service(line);
        bool const begins = line.starts_with("==") || !after_severity(line).empty();
        if (std::string_view const report = report_of_sanitizer(line); !report.empty())
            out.push_back({std::string(report), begins});
        else if (is_undefined_behavior(line)) out.push_back({std::string(line)});
    });
    return out;
}

} // namespace shutdown_repro::traces
