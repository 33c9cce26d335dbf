// A check's trials: each is an execution that leaves a trace, and the rules say what it violates. What is seen is counted here
// and judged elsewhere (judge.hpp).
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
    std::uint32_t jobs = 1;     // threads of an exploration
    awaited waits_for;          // of a check whose number of trials is open
    std::optional<share> shard; // these of the trials, and no others; see explore_options::shard
    std::string server_path;    // the executable server-under-test, see live.hpp
    std::function<std::string(check_plan const&, traces::header const&)>
        again; // the command line that shows an execution again; may be empty
    std::function<void(std::uint64_t done, std::uint64_t of, std::string_view what)> tell; // now and then; may be empty
};

struct observation {
    checked what;                                               // not judged yet
    std::vector<std::shared_ptr<traces::trace const>> examples; // an execution for each of what.seen
    bool interrupted = false;
};

// Ends early, with what it has, when `stop` is set or a signal comes while a live server or a target runs.
// What can't be run or does not start is inconclusive.
observation observe(check_plan const&, trial_options const&, std::atomic<bool> const& stop);

} // namespace shutdown_repro::repro
