// Reads and checks the fields of a target file.
#pragma once
#include "repro/input/located_json.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::repro {

target target_from_document(located_value const&);

} // namespace shutdown_repro::repro
