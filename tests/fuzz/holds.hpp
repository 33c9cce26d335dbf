// Checks of the fuzzers. If a check fails, the process prints its words and aborts, and libFuzzer saves the input.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace shutdown_repro::fuzz {

inline void holds(bool it, std::string_view what, std::string_view shown = {}) {
    if (it) return;
    std::fprintf(stderr, "does not hold: %.*s\n%.*s\n", static_cast<int>(what.size()), what.data(),
        static_cast<int>(shown.size()), shown.data());
    std::abort();
}

inline bool is_utf8(std::string_view text) {
    try {
        return !nlohmann::json(text).dump().empty();
    } catch (nlohmann::json::exception const&) { return false; }
}

// Checks that nothing in the text controls a terminal, ends a line of a line-based reader, or changes the text
// direction.
inline void holds_tame(std::string_view text, std::string_view whose) {
    for (char c : text)
        holds((static_cast<unsigned char>(c) >= 0x20 || c == '\n') && c != 0x7f,
            std::string(whose) + " has no control character", text);
    for (std::string_view const hidden : {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xae", "\xc2\x9b", "\xc2\x85"})
        holds(text.find(hidden) == text.npos,
            std::string(whose) + " has no hidden line end, direction or control sequence", text);
    holds(is_utf8(text), std::string(whose) + " is UTF-8", text);
}

inline void holds_json(std::string_view text, std::string_view whose) {
    holds(nlohmann::json::accept(text), std::string(whose) + " is JSON", text);
}

} // namespace shutdown_repro::fuzz
