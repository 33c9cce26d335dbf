#include "traces/page/html_text.hpp"
#include <cstdint>
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {
namespace {

// Each returns the escape of a character that has a meaning in its kind of text; "" for all others.
std::string_view html_entity(char c) {
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return {};
    }
}

// The HTML parser looks for "</script" and "<!--" even inside strings of a script.
std::string_view json_escape(char c) {
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '&': return "\\u0026";
    case '<': return "\\u003c";
    case '>': return "\\u003e";
    default: return {};
    }
}

std::string escaped(std::string_view text, std::string_view (*escape)(char)) {
    std::string out;
    for (char c : printable(text)) {
        std::string_view const instead = escape(c);
        if (instead.empty()) out += c;
        else out += instead;
    }
    return out;
}

std::uint32_t nibble(char hex) { return static_cast<std::uint32_t>(hex <= '9' ? hex - '0' : hex - 'a' + 10); }

} // namespace

std::string html_text(std::string_view text) { return escaped(text, html_entity); }
std::string script_text(std::string_view text) { return "\"" + escaped(text, json_escape) + "\""; }

std::string csp_hash(std::string_view sha256) {
    constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t at = 0; at < sha256.size(); at += 3) { // three hexadecimal digits are two digits of base 64
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) bits = bits << 4 | (at + i < sha256.size() ? nibble(sha256[at + i]) : 0);
        out += digits[bits >> 6];
        if (at + 1 < sha256.size()) out += digits[bits & 63];
    }
    return "'sha256-" + out + std::string((4 - out.size() % 4) % 4, '=') + "'";
}

} // namespace shutdown_repro::traces
