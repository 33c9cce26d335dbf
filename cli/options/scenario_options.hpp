// The options of `run` and `explore` that select a scenario and change its fields.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include "repro/scenario/scenario.hpp"

namespace shutdown_repro::cli {

inline constexpr std::string_view correct_policy = "drained"; // every bundled server has it

struct scenario_options {
    std::string what, policy, order, stop_at, free_at;
    std::optional<std::uint32_t> requests, connections;
    std::optional<std::int64_t> grace_ms;
    std::vector<std::string> sets;
};

void add_scenario_options(CLI::App&, scenario_options&);
// Returns the scenario with the fields that the options change. Throws input_error that names the option.
repro::scenario scenario_of(scenario_options const&);
// Like scenario_of(), for an exploration: the moments of stop and free are decisions, unless the options name them.
repro::scenario explored_scenario_of(scenario_options const&);
// Appends the options as words of a command line.
void add_words(std::vector<std::string>& to, scenario_options const&);
// Appends an option and its value, or nothing when the value is empty.
void add_word(std::vector<std::string>& to, char const* flag, std::string const& value);
// Returns a command line: `command` and the options, with the correct policy. Returns "" when the scenario has the
// correct policy already, or no policy at all.
std::string fixed_line(std::vector<std::string> command, repro::scenario const&, scenario_options);

} // namespace shutdown_repro::cli
