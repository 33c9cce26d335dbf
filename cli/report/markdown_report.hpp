// inspect --markdown: a trace as an issue for the server's own tracker.
#pragma once
#include <string>

namespace shutdown_repro::cli {

// The issue, Markdown. Throws input_error (nothing selected) for a trace that breaks no rule, trace_error for what is no trace.
// Asks a preset that is installed here for its version.
std::string markdown_of(std::string const& path);

} // namespace shutdown_repro::cli
