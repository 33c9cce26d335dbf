// The traces of what was found, in the folder that --keep names. What was found is told also when they can't be kept.
#pragma once
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

class kept_traces {
public:
    explicit kept_traces(std::string folder) : folder_(std::move(folder)) {}
    // As NAME.jsonl, in the folder, which is made when it is not there. Gives its path; "" when it can't be written,
    // which is complained of on standard error.
    std::string keep(std::string const& name, traces::trace const&);

private:
    std::string folder_;
    bool useless_ = false; // it can't be made, and that was said
};

} // namespace shutdown_repro::cli
