// The fields of a target's file: each checked in words, and taken over.
#pragma once
#include "repro/input/located_json.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::repro {

target target_from_document(located_value const&);

} // namespace shutdown_repro::repro
