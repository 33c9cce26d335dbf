// What a scenario document may say: its fields, and the check of each. Adding a field is one row in fields.cpp and
// its reading and writing where the value lives (server_under_test/scopes/config.cpp or scenario.cpp).
#pragma once
#include "repro/input/located_json.hpp"

namespace shutdown_repro::repro {

// Throws input_error at the first field that is unknown, or whose value makes no sense, alone or with another's.
void check_scenario(located_value const& document);

} // namespace shutdown_repro::repro
