// Writes reports to files. A reader never finds half a report, and every error names the option that asked for it.
#pragma once
#include <string>
#include <string_view>

namespace shutdown_repro::cli {

// Replaces the file as a whole (traces/format/replace_file.hpp). Throws input_error that names `flag`, such as
// "--junit".
void write_report(std::string_view flag, std::string const& path, std::string_view text);
// Appends to the file, creating it if needed. Throws input_error that names `name`.
void append_report(std::string_view name, std::string const& path, std::string_view text);
// Throws input_error when the folder does not exist or the path is a folder. Called before the work, not after it.
void expect_writable(std::string_view flag, std::string const& path);

} // namespace shutdown_repro::cli
