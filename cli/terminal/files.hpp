// Writes the files of the user: reports, traces, pages. A reader never finds half a report, and every error names the
// option that asked for the file.
//
// The rest of the command line writes files only by these functions (tests/house), so no output replaces a file that
// this program reads or runs (traces/format/inputs.hpp), whatever option names it.
#pragma once
#include <cstdio>
#include <string>
#include <string_view>
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

// Throws input_error when the file is an input. Called before the work, and again by each function that writes.
void expect_spared(std::string_view flag, std::string const& path);
// Throws input_error when the folder does not exist, the path is a folder, or the file is an input. Called before the
// work, not after it.
void expect_writable(std::string_view flag, std::string const& path);

// Replaces the file as a whole (traces/format/replace_file.hpp). Throws input_error that names `flag`, such as
// "--junit".
void write_report(std::string_view flag, std::string const& path, std::string_view text);
// Appends to the file, creating it if needed. Throws input_error that names `name`.
void append_report(std::string_view name, std::string const& path, std::string_view text);

// How the path of a trace came about. A name that we have chosen replaces a symbolic link instead of following it.
enum class named_by { user, us };
// Replaces the file as a whole. Throws input_error for an input, and trace_error when it can't be written.
void write_trace(std::string const& path, traces::trace const&, named_by);

// A file that is written piece by piece. The methods throw input_error that names `flag`.
class output_file {
public:
    output_file(std::string_view flag, std::string path);
    ~output_file();
    output_file(output_file const&) = delete;
    void print(std::string_view);
    void finish(); // flushes and closes it

private:
    [[noreturn]] void fail() const;
    std::string flag_, path_;
    std::FILE* to_;
};

} // namespace shutdown_repro::cli
