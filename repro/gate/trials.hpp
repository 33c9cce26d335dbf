// Runs the trials of a check. Each trial is an execution whose trace the rules judge. Violations are counted here;
// whether the check passes is decided in judge.hpp.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "repro/gate/file.hpp"
#include "repro/gate/gate.hpp"
#include "repro/gate/judge.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

struct trial_options {
    std::uint32_t jobs = 1;       // threads of an exploration
    awaited_violations waits_for; // for a check without "repeat"
    std::optional<share> shard;   // run only this share of the trials; see explore_options::shard
    std::string server_path;      // the executable server-under-test, see live.hpp
    std::function<std::string(check_plan const&, traces::header const&)>
        again; // returns the command line that reproduces an execution; may be empty
    std::function<void(std::uint64_t done, std::uint64_t of, std::string_view what)> tell; // progress; may be empty
};

struct observation {
    check_result result; // counted, but not judged
    std::vector<std::shared_ptr<traces::trace const>>
        examples; // the trace of an execution for each of result.violations
    bool interrupted = false;
};

// Runs the trials. Ends early, with the trials so far, when `stop` is set, or on a signal while a live server or a
// target runs. A trial that can't be run or does not start is inconclusive.
observation observe(check_plan const&, trial_options const&, std::atomic<bool> const& stop);

// Describes the violation of a finding of an exploration by its shortest execution, which is run again. `again` returns
// the command line that reproduces an execution, and may be empty. Moves the trace to `example`, unless that is null.
gate_violation shown_by(exploration const&, finding const&,
    std::function<std::string(traces::header const&)> const& again, traces::trace* example = nullptr);

} // namespace shutdown_repro::repro
