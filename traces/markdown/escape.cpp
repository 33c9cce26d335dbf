#include "traces/markdown/escape.hpp"
#include <algorithm>
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t widest = 400;

std::size_t longest_run_of_backticks(std::string_view text) {
    std::size_t longest = 0, run = 0;
    for (char const c : text) longest = std::max(longest, run = c == '`' ? run + 1 : 0);
    return longest;
}

bool harmless(char c) {
    bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'), digit = c >= '0' && c <= '9';
    return letter || digit || static_cast<unsigned char>(c) >= 0x80 ||
        std::string_view(" .,:/()_=+'?!-").find(c) != std::string_view::npos;
}

} // namespace

std::string code_span(std::string_view text) {
    std::string const line = fit(printable(text), widest);
    if (line.find_first_not_of(' ') == line.npos) return "` `";
    std::string const fence(longest_run_of_backticks(line) + 1, '`');
    bool const needs_room = line.front() == '`' || line.back() == '`' || (line.front() == ' ' && line.back() == ' ');
    std::string const room = needs_room ? " " : "";
    return fence + room + line + room + fence;
}

std::string code_block(std::string_view language, std::string_view lines) {
    std::string content;
    while (!lines.empty()) {
        std::size_t const end = std::min(lines.find('\n'), lines.size());
        content += printable(lines.substr(0, end)) + "\n";
        lines.remove_prefix(std::min(end + 1, lines.size()));
    }
    std::string const fence(std::max<std::size_t>(3, longest_run_of_backticks(content) + 1), '`');
    return fence + std::string(language) + "\n" + content + fence + "\n";
}

std::string mermaid_label(std::string_view text, std::size_t width) {
    std::string out;
    for (char const c : printable(text)) {
        char const next = harmless(c) ? c : ' ';
        bool const repeats = !out.empty() && out.back() == next && (next == ' ' || next == '-' || next == '+');
        if (!repeats) out += next; // no arrow such as --
    }
    std::size_t const begin = std::min(out.find_first_not_of(" :+-"), out.size()), end = out.find_last_not_of(' ') + 1;
    out = begin < end ? fit(out.substr(begin, end - begin), width) : "";
    return out.empty() ? "?" : out;
}

} // namespace shutdown_repro::traces
