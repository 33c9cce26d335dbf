// The fields of a scenario document and their checks. To add a field, add a row to fields.cpp, and read and write the
// value where it is stored (server_under_test/scopes/config.cpp or scenario.cpp).
#pragma once
#include "repro/input/located_json.hpp"

namespace shutdown_repro::repro {

// Throws input_error for the first field that is unknown, or whose value is invalid by itself or together with another.
void check_scenario(located_value const& document);

} // namespace shutdown_repro::repro
