// Parses and checks the command line. Every error names the option and the values that it takes.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shutdown_repro::cli {

// Parses the command line with the subcommands and options that `app` declares. Throws input_error for a usage error,
// and CLI::CallForHelp or CLI::CallForVersion for --help and --version.
void parse(CLI::App& app, int argc, char const* const* argv);

// The words after the "--" of `run`, or after a "--" that follows --target: the command of a server. Empty without one.
// parse() removes them from the command line.
std::vector<std::string> const& command_behind_dashes();

// Accepts a whole number from `least` to `most`, both included.
CLI::Validator whole_number(std::int64_t least, std::int64_t most);
// Accepts a whole number that fits into 64 bits, without a sign.
CLI::Validator natural_number();
// Accepts a duration such as 500ms, 2s or 1.5m, and a plain number of milliseconds; from `least` to `most`, in
// milliseconds.
// Use it with transform(): the text becomes the number of milliseconds.
CLI::Validator milliseconds_from(std::int64_t least, std::int64_t most);
// Accepts one of the words; the error suggests the nearest one. The views must outlive the parser.
CLI::Validator one_of(std::vector<std::string_view> words);
// Returns the one_of() validator of an option, or null if it has none. Its description is the words separated by "|".
CLI::Validator const* choice_of(CLI::Option&);

} // namespace shutdown_repro::cli
