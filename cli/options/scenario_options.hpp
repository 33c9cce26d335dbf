// The options by which `run` and `explore` say which scenario is meant, and what of it is to be different.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include "repro/scenario/scenario.hpp"

namespace shutdown_repro::cli {

inline constexpr std::string_view correct_policy = "drained"; // of every server

struct scenario_options {
    std::string what, policy, order, stop_at, free_at;
    std::optional<std::uint32_t> requests, connections;
    std::optional<std::int64_t> grace_ms;
    std::vector<std::string> sets;
};

void add_scenario_options(CLI::App&, scenario_options&);
// Throws input_error naming the flag.
repro::scenario scenario_of(scenario_options const&);
// The words that say the same again, appended.
void add_words(std::vector<std::string>& to, scenario_options const&);
void add_word(
    std::vector<std::string>& to, char const* flag, std::string const& value); // nothing when the value is empty
// `command`, the scenario and its options with the correct policy; "" when it has that already, or knows none.
std::string fixed_line(std::vector<std::string> command, repro::scenario const&, scenario_options);

} // namespace shutdown_repro::cli
