// Text formatting for the views. All functions are pure and ask neither the terminal nor the locale. Widths are
// columns; each code point counts as one.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include "traces/event.hpp"

namespace shutdown_repro::traces {

struct text_style {
    std::size_t width = 80;
    bool color = false;
};

enum class tint : std::uint8_t { strong, faint, good, bad, warn, accent };
// Colors the text; returns it unchanged without color.
std::string paint(text_style, tint, std::string_view);

// Makes line ends, escape sequences and invalid UTF-8 visible and harmless. The text of a trace is untrusted.
std::string printable(std::string_view);

std::size_t columns(std::string_view);
// Cuts the text to at most `width` columns; a cut text ends in "…".
std::string fit(std::string_view, std::size_t width);
// Fills the text with spaces to at least `width` columns.
std::string pad(std::string_view, std::size_t width);
std::string pad_left(std::string_view, std::size_t width);
// Breaks lines between words. Every line after the first begins with `indent` spaces; the caller has already written
// `indent` columns of the first.
std::string wrap(std::string_view, std::size_t width, std::size_t indent);

// Returns the time between two moments, limited to the largest value instead of overflowing.
nanoseconds elapsed(nanoseconds from, nanoseconds to);
// "503 µs", "84 ms", "2.1 s".
std::string duration(nanoseconds);
// Returns milliseconds with three decimals: "84.503".
std::string milliseconds(nanoseconds);
// Returns "1 event", "3 events" and so on.
std::string counted(std::uint64_t n, std::string_view singular, std::string_view plural = {});

} // namespace shutdown_repro::traces
