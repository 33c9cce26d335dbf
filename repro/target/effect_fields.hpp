// Reads the effects of a target file: what has to be there after the exit.
#pragma once
#include <vector>
#include "repro/input/located_json.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::repro::target_values {

std::vector<target::effect> effects(located_value const&); // throws input_error

} // namespace shutdown_repro::repro::target_values
