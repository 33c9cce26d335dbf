// A trace that is read several times. A regular file is read again each time, so that memory does not grow with its
// length. A pipe or standard input can't be read twice and is kept in memory.
#pragma once
#include <optional>
#include <string>
#include <vector>
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {

class trace_input {
public:
    explicit trace_input(std::string path);
    // Delivers header, events and footer. Returns the problems of the trace.
    std::vector<std::string> read(traces::reader_events&);
    traces::trace const& whole(); // loads the trace into memory and keeps it there

private:
    std::string path_;
    bool again_;
    std::optional<traces::trace> kept_;
};

} // namespace shutdown_repro::cli
