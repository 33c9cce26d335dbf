// Keeps the traces of findings in the folder of --keep. A finding is reported even if its trace can't be kept.
#pragma once
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

class kept_traces {
public:
    explicit kept_traces(std::string folder) : folder_(std::move(folder)) {}
    // Writes NAME.jsonl in the folder, which is created if needed. Returns its path, or "" after an error message on
    // standard error.
    std::string keep(std::string const& name, traces::trace const&);

private:
    std::string folder_;
    bool useless_ = false; // the folder can't be created, and that was reported
};

} // namespace shutdown_repro::cli
