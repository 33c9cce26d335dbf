// Keeps the traces of findings in the folder of --keep. A finding is reported even if its trace can't be kept.
//
// A run replaces the traces that an earlier run has left. When another run uses the folder at the same time, neither
// replaces what the other has written, nor does any replace an input.
#pragma once
#include <set>
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

class kept_traces {
public:
    explicit kept_traces(std::string folder) : folder_(std::move(folder)) {}
    // Writes NAME.jsonl in the folder, which is created if needed; NAME.2.jsonl and so on if the first name is taken.
    // Returns the path, or "" after an error message on standard error.
    std::string keep(std::string const& name, traces::trace const&);

private:
    std::string free_path(std::string const& name) const;
    bool is_taken(std::string const& path) const;

    std::string folder_;
    std::set<std::string> mine_; // paths that this object has written
    bool useless_ = false;       // the folder can't be created, and that was reported
};

} // namespace shutdown_repro::cli
