// How views put text on a page: pure functions of the text, the width and whether color is wanted. Widths are columns,
// one a code point; nothing here asks the terminal or the locale.
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
// The text as it is when color is not wanted.
std::string paint(text_style, tint, std::string_view);

// A trace is somebody else's text: line ends, escape sequences and bytes that are no UTF-8 come out harmless and
// visible.
std::string printable(std::string_view);

std::size_t columns(std::string_view);
// At most `width` columns; what was cut ends in "…".
std::string fit(std::string_view, std::size_t width);
// At least `width` columns.
std::string pad(std::string_view, std::size_t width);
std::string pad_left(std::string_view, std::size_t width);
// Breaks between words; every line after the first begins with `indent` spaces, and the first is already `indent` wide.
std::string wrap(std::string_view, std::size_t width, std::size_t indent);

// From one moment to a later one; what no nanoseconds can hold is as much as they can.
nanoseconds elapsed(nanoseconds from, nanoseconds to);
// "503 µs", "84 ms", "2.1 s".
std::string duration(nanoseconds);
// Milliseconds with three decimals: "84.503".
std::string milliseconds(nanoseconds);
// "1 event", "3 events"; "1 of 2 executions" stays the caller's.
std::string counted(std::uint64_t n, std::string_view singular, std::string_view plural = {});

} // namespace shutdown_repro::traces
