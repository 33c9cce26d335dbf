// Reports in files. A reader never finds half a report, and every complaint names who asked for it.
#pragma once
#include <string>
#include <string_view>

namespace shutdown_repro::cli {

// `flag` is who asked for it ("--junit"). See traces/format/replace_file.hpp. Throws input_error that names the flag.
void write_report(std::string_view flag, std::string const& path, std::string_view text);
// Behind what is there. Throws input_error that says `name`.
void append_report(std::string_view name, std::string const& path, std::string_view text);
// Complains before the work is done and not after it: the folder is missing, or the path is a folder.
void expect_writable(std::string_view flag, std::string const& path);

} // namespace shutdown_repro::cli
