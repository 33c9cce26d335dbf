// inspect --html: a trace, and perhaps another beside it, as one page in a file.
#pragma once
#include <string>
#include "cli/judgement.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

// Throws input_error when the file can't be written, or is one of the traces. "" as `twin_path`: there is none.
void write_html(std::string const& to, std::string const& path, traces::trace const&, judgement const&, std::string const& twin_path);

} // namespace shutdown_repro::cli
