// inspect --markdown: a trace as an issue for the server's own tracker.
#pragma once
#include <string>

namespace shutdown_repro::cli {

// Returns the issue, Markdown. Asks a preset that is installed here for its version. Throws input_error (nothing
// selected) for a trace that breaks no rule, and trace_error for what is no trace.
std::string markdown_of(std::string const& path);

} // namespace shutdown_repro::cli
