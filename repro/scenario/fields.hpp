// The fields of a scenario document and their checks. To add a field, add a row to fields.cpp, and read and write the
// value where it is stored (server_under_test/scopes/config.cpp or scenario.cpp).
#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include "repro/input/located_json.hpp"
#include "repro/scenario/moments.hpp"

namespace shutdown_repro::repro {

// Throws input_error for the first field that is unknown, or whose value is invalid by itself or together with another.
void check_scenario(located_value const& document, call_check);

// Draws a number from 0 to below - 1.
using draw = std::function<std::uint32_t(std::uint32_t below)>;
// Returns a document with some of the fields that a server of this kind has, each with a small value that is valid by
// itself; check_scenario() may refuse what two of them say together. For tests: every row of the table can draw its
// values, so a new field takes part in them.
nlohmann::json drawn_scenario(server::server_kind, draw const&);

} // namespace shutdown_repro::repro
