// The words of enumerations: one table for each, in the order of its values.
#pragma once
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace shutdown_repro::server {

// Returns the words of an enumeration, in the order of its values. Each enumeration with words specializes it.
template <class enumeration> std::span<std::string_view const> words();

template <class enumeration> std::string_view word_of(enumeration value) {
    return words<enumeration>()[static_cast<std::size_t>(value)];
}

template <class enumeration> std::optional<enumeration> parse_word(std::string_view text) {
    auto const all = words<enumeration>();
    for (std::size_t i = 0; i < all.size(); ++i)
        if (all[i] == text) return static_cast<enumeration>(i);
    return std::nullopt;
}

// Reads a field of a document, which keeps its value if absent. Throws std::runtime_error for an unknown word.
template <class json, class enumeration> void read_word(json const& from, char const* key, enumeration& into) {
    auto const it = from.find(key);
    if (it == from.end()) return;
    auto const word = it->template get<std::string>();
    auto const parsed = parse_word<enumeration>(word);
    if (!parsed) throw std::runtime_error(std::string("\"") + key + "\" can't be \"" + word + "\"");
    into = *parsed;
}

} // namespace shutdown_repro::server
