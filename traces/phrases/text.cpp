#include "traces/phrases/text.hpp"
#include <cstdlib>
#include <limits>

namespace shutdown_repro::traces {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Returns the length of the valid UTF-8 sequence at the beginning; 0 if there is none.
std::size_t utf8_length(std::string_view s) {
    auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
    std::size_t const n = byte(0) < 0x80    ? 1
        : byte(0) >= 0xc2 && byte(0) < 0xe0 ? 2
        : byte(0) >= 0xe0 && byte(0) < 0xf0 ? 3
        : byte(0) >= 0xf0 && byte(0) < 0xf5 ? 4
                                            : 0;
    if (n == 0 || n > s.size()) return 0;
    for (std::size_t i = 1; i < n; ++i)
        if (!continues(s[i])) return 0;
    // Overlong, a surrogate, or above the last code point.
    bool const odd = (byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) > 0x9f) ||
        (byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) > 0x8f);
    return odd ? 0 : n;
}

// C1 controls (U+0080 to U+009F) act on terminals like escape sequences. U+2028 and U+2029 end lines in some tools.
// Direction controls (U+202A to U+202E, U+2066 to U+2069) reorder the visible text of a line. U+FFFE and U+FFFF are not
// characters, and XML and YAML refuse them.
bool steers(std::string_view c) {
    auto byte = [&](std::size_t i) { return static_cast<unsigned char>(c[i]); };
    if (c.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7f;
    if (c.size() == 2) return byte(0) == 0xc2 && byte(1) < 0xa0;
    if (c.size() == 3 && byte(0) == 0xef) return byte(1) == 0xbf && byte(2) >= 0xbe;
    if (c.size() != 3 || byte(0) != 0xe2) return false;
    return (byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) ||
        (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9);
}

std::string escaped(unsigned char c) {
    constexpr char hex[] = "0123456789abcdef";
    if (c == '\n') return "\\n";
    if (c == '\t') return " ";
    if (c == '\r') return "\\r";
    return {'\\', 'x', hex[c >> 4], hex[c & 15]};
}

std::string decimal(std::int64_t hundredths) {
    std::string text = std::to_string(hundredths / 10);
    if (hundredths / 10 < 10) text += "." + std::to_string(hundredths % 10);
    return text;
}

} // namespace

std::string paint(text_style style, tint t, std::string_view text) {
    if (!style.color || text.empty()) return std::string(text);
    constexpr std::string_view codes[] = {"1", "2", "32", "1;31", "33", "36"};
    std::string out = "\x1b[";
    out.append(codes[static_cast<std::size_t>(t)]).append("m").append(text).append("\x1b[0m");
    return out;
}

std::string printable(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        std::size_t const n = utf8_length(text);
        if (n == 0 || steers(text.substr(0, n))) {
            for (char c : text.substr(0, n ? n : 1)) out += escaped(static_cast<unsigned char>(c));
        } else {
            out.append(text.substr(0, n));
        }
        text.remove_prefix(n ? n : 1);
    }
    return out;
}

std::size_t columns(std::string_view text) {
    std::size_t n = 0;
    for (char c : text) n += !continues(c);
    return n;
}

std::string fit(std::string_view text, std::size_t width) {
    if (columns(text) <= width) return std::string(text);
    if (width == 0) return {};
    std::size_t end = 0;
    for (std::size_t left = width - 1; end < text.size(); ++end)
        if (!continues(text[end]) && left-- == 0) break;
    return std::string(text.substr(0, end)) + "…";
}

std::string pad(std::string_view text, std::size_t width) {
    std::size_t const have = columns(text);
    return std::string(text) + std::string(have < width ? width - have : 0, ' ');
}

std::string pad_left(std::string_view text, std::size_t width) {
    std::size_t const have = columns(text);
    return std::string(have < width ? width - have : 0, ' ') + std::string(text);
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
    std::string out;
    std::size_t column = indent;
    while (!text.empty()) {
        std::string_view const word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        std::size_t const wide = columns(word);
        if (column > indent && column + 1 + wide > width) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += wide;
    }
    return out;
}

nanoseconds elapsed(nanoseconds from, nanoseconds to) {
    nanoseconds t = 0;
    if (__builtin_sub_overflow(to, from, &t))
        t = to < from ? std::numeric_limits<nanoseconds>::min() : std::numeric_limits<nanoseconds>::max();
    return t;
}

std::string duration(nanoseconds t) {
    struct {
        nanoseconds unit;
        std::string_view name;
    } constexpr units[] = {{1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " µs"}};
    for (auto const& u : units)
        if (t >= u.unit || t <= -u.unit) return decimal(t / (u.unit / 10)) + std::string(u.name);
    return std::to_string(t) + " ns";
}

std::string milliseconds(nanoseconds t) {
    nanoseconds const us = t / 1000;
    std::string fraction = std::to_string(std::llabs(us % 1000));
    return (us < 0 && us > -1000 ? "-" : "") + std::to_string(us / 1000) + "." + std::string(3 - fraction.size(), '0') +
        fraction;
}

std::string counted(std::uint64_t n, std::string_view singular, std::string_view plural) {
    std::string word(singular);
    if (n != 1) word = plural.empty() ? word + "s" : std::string(plural);
    return std::to_string(n) + " " + word;
}

} // namespace shutdown_repro::traces
