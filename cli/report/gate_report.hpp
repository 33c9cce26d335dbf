// What a gate says to people, and in one document to programs. The reports for CI systems are in reports/.
#pragma once
#include <string>
#include <string_view>
#include "repro/gate/gate.hpp"
#include "traces/views/text.hpp"

namespace shutdown_repro::cli {

std::string as_text(repro::gate_result const&, traces::look);
std::string as_json(repro::gate_result const&);
int status_of(repro::outcome); // the exit status

} // namespace shutdown_repro::cli
