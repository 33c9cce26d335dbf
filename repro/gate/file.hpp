// The gate file: the checks that a team has committed. man/shutdown-repro-gate.5 describes it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "repro/gate/gate.hpp"
#include "repro/scenario/scenario.hpp"
#include "repro/schedule/decision.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::repro {

// A real server around its stop (probe.hpp), or a program that stops itself (program_run.hpp).
struct target_plan {
    repro::target what;
    std::string named; // as `run --target` takes it: a preset, or a path from the current folder
    std::string probe; // "" of a program
    std::string order; // that its adapter keeps to; "" for as it comes
};

// How the trials of a check are made: by an exploration, or by running the scenario or the target again and again.
struct check_plan {
    std::string name;
    std::uint32_t line = 0;
    std::string file;                  // that its scenario or its target is read from; "" for one of ours
    std::optional<target_plan> target; // when there is one there is no scenario
    repro::scenario scenario;          // with all that the check changes of it
    std::string world = "sim";
    std::string strategy;                        // "" for none
    std::uint64_t executions = 20'000, seed = 1; // of an exploration
    std::uint32_t repeat = 1;                    // of a live check or of a target
    bool open_ended = false;                     // nobody said how often: more when something is awaited, see await()
    std::optional<schedule> when; // of a simulated execution, or of a program; nothing: the default order
    bool keeps_stop = false, keeps_free = false; // an exploration leaves the scenario's own moments
    expectation expected;
    std::vector<std::string> allowed;
};

struct gate_file {
    std::string path;               // "" for the bundled suite
    std::vector<check_plan> checks; // their names differ
};

// Throws input_error: file, line, what is wrong with which field and what it should be. Files that it names are relative to
// it. At most a thousand checks.
gate_file load_gate(std::string const& path);
gate_file parse_gate(std::string_view text, std::string const& path);

// Every report reproduced, every correct policy clean.
std::string_view bundled_gate_text();
gate_file bundled_gate();

} // namespace shutdown_repro::repro
