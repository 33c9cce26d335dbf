// The gate file: a list of checks. Its format is described in man/shutdown-repro-gate.5.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "repro/gate/gate.hpp"
#include "repro/scenario/moments.hpp"
#include "repro/scenario/scenario.hpp"
#include "repro/schedule/decision.hpp"
#include "repro/target/target.hpp"

namespace shutdown_repro::repro {

// A real server around its stop (probe.hpp), or a program that stops itself (program_run.hpp).
struct target_plan {
    repro::target what;
    std::string named; // argument for `run --target`: a preset, or a path relative to the current folder
    std::string probe; // "" for a program
    std::string order; // "client-first", "server-first", or "" for the server's own order; needs an adapter
    std::vector<std::string> arguments = {}; // of `run`, which repeat a trial; for the headers of traces
};

// A check and how its trials are run: by an exploration, or by running the scenario or the target repeatedly.
struct check_plan {
    std::string name;
    std::uint32_t line = 0;
    std::string file;                  // file of its scenario or target; "" for a built-in scenario or a preset
    std::optional<target_plan> target; // set instead of a scenario
    repro::scenario scenario;          // with the changes of the check
    server::world_kind world = server::world_kind::sim;
    std::string strategy;                        // "" without exploration
    std::uint64_t executions = 20'000, seed = 1; // for an exploration
    std::uint32_t repeat = 1;                    // for a live check or a target
    bool open_ended = false;                     // no "repeat" given: more trials when await() asks for them
    std::optional<schedule> when; // for a simulated execution or a program; nothing for the default order
    kept_moments kept;            // the exploration keeps the moments of stop and free that the check names
    expectation expected;
    std::vector<std::string> allowed;
};

struct gate_file {
    std::string path;               // "" for the bundled suite
    std::vector<check_plan> checks; // with unique names
};

// These throw input_error that names the file, the line, the field and the expected value. Paths in a gate file are
// relative to its folder. A gate has at most 1,000 checks.
gate_file load_gate(std::string const& path);
gate_file parse_gate(std::string_view text, std::string const& path);

// The bundled gate: it reproduces every report and checks that every correct policy is clean.
std::string_view bundled_gate_text();
gate_file bundled_gate();

} // namespace shutdown_repro::repro
