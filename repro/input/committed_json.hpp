// Checks shared by the JSON documents that users commit and by reports that are read back: their format, unknown fields
// and names of rules. All throw input_error that names the file and the line.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include "repro/input/located_json.hpp"

namespace shutdown_repro::repro {

// Checks "format" and "version". `kind` is a word such as "gate"; `looks` shows how such a document begins, for the
// error.
void expect_format(located_value const& root, std::string const& kind, std::string const& looks);
void refuse_unknown(located_value const& object, std::span<std::string_view const> known);
// Returns the value if it is the id of a rule.
std::string const& rule_named(located_value const&);

} // namespace shutdown_repro::repro
