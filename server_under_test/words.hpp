// Names of enumerations: one table of words each, in the enumeration's order.
#pragma once
#include <optional>
#include <string_view>
#include "server_under_test/config.hpp"

namespace shutdown_repro::server {

template <class enumeration> std::string_view word_of(enumeration value) {
    return words<enumeration>()[static_cast<std::size_t>(value)];
}

template <class enumeration> std::optional<enumeration> parse_word(std::string_view text) {
    auto const all = words<enumeration>();
    for (std::size_t i = 0; i < all.size(); ++i)
        if (all[i] == text) return static_cast<enumeration>(i);
    return std::nullopt;
}

} // namespace shutdown_repro::server
