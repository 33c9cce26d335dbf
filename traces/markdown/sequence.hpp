// The way to a violation as a Mermaid sequence diagram.
#pragma once
#include <string>
#include "traces/views/causes.hpp"

namespace shutdown_repro::traces {

constexpr std::size_t most_path_steps = 30;

// The steps that are told of a long way: its first and its last ones.
struct short_path {
    cause_path head, tail; // tail is empty when nothing is left out
    std::size_t left_out = 0;
};
short_path shortened(cause_path const&);

// The source of the diagram, without a fence. `rule` is noted beside the event with number `at`.
std::string sequence_diagram(short_path const&, std::string_view rule, seq_t at);

} // namespace shutdown_repro::traces
