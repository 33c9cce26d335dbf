// inspect --html: writes a trace, and optionally its twin, as one page into a file.
#pragma once
#include <string>

namespace shutdown_repro::cli {

// Reads and judges the trace at `path` ("-" is standard input) and its twin: the trace at `twin`, or when that is ""
// the one that the first names and that lies beside it, if there is one. Throws
// input_error when the file can't be written, is one of the traces, or would be too large for a browser. Gives a line
// that says what was written.
std::string write_html(std::string const& file, std::string const& path, std::string const& twin);

} // namespace shutdown_repro::cli
