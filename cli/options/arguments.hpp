// What is on the command line, checked: every complaint names the flag and what is expected there.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shutdown_repro::cli {

// Throws input_error for what does not fit the commands that `app` declares, CLI::CallForHelp and CLI::CallForVersion.
void parse(CLI::App& app, int argc, char const* const* argv);

// The words behind a -- that follows --target: a command, not arguments of ours. parse() takes them away.
std::vector<std::string> const& command_behind_dashes();

CLI::Validator whole_number(std::int64_t least, std::int64_t most);
// One of the words; the complaint suggests the nearest. The views must outlive the parser.
CLI::Validator one_of(std::vector<std::string_view> words);
// That validator of an option, whose description is the words with | between them; null without one.
CLI::Validator const* choice_of(CLI::Option&);

// As a shell reads it back to the same words.
std::string shell_line(std::vector<std::string> const& words);

} // namespace shutdown_repro::cli
