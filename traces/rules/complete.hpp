// Whether a trace was seen to its end.
#pragma once
#include <optional>
#include <string>
#include <vector>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// "" when it was: it has a footer, nothing was dropped, and nothing else was wrong (a reader's `problems`).
std::string why_incomplete(std::vector<std::string> const& problems, std::optional<footer> const&);

} // namespace shutdown_repro::traces
