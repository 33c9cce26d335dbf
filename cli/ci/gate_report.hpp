// The report of a gate as text for people and as a JSON document. The reports for CI systems are in cli/ci/.
#pragma once
#include <string>
#include <string_view>
#include "repro/gate/gate.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::cli {

std::string as_text(repro::gate_result const&, traces::text_style);
std::string as_json(repro::gate_result const&);
int status_of(repro::outcome); // the exit status

} // namespace shutdown_repro::cli
