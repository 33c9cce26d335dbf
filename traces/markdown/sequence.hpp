// Draws the path to a violation as a Mermaid sequence diagram.
#pragma once
#include <string>
#include "traces/causes/causes.hpp"

namespace shutdown_repro::traces {

constexpr std::size_t most_path_steps = 30;

// A path whose middle is left out if it is long.
struct short_path {
    cause_path head, tail; // the tail is empty if nothing is left out
    std::size_t left_out = 0;
};
short_path shortened(cause_path const&);

// Returns the source of the diagram, without a fence. A note beside the event with number `at` names the rule.
std::string sequence_diagram(short_path const&, std::string_view rule, seq_t at);

} // namespace shutdown_repro::traces
