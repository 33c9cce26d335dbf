// What documents that are committed, or read back, have in common: their format, no field that nobody knows, and rules by name.
// All checks throw input_error, which says where.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include "repro/input/located_json.hpp"

namespace shutdown_repro::repro {

// `kind`: "gate"; `looks`: how such a document begins, for who has none.
void expect_format(located_value const& root, std::string const& kind, std::string const& looks);
void refuse_unknown(located_value const& object, std::span<std::string_view const> known);
// It is the id of a rule.
std::string const& rule_named(located_value const&);

} // namespace shutdown_repro::repro
