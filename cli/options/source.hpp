// A trace that is looked at more than once. A file is read anew each time, so that its length costs no memory; what can't be read
// twice (a pipe, standard input) is kept.
#pragma once
#include <optional>
#include <string>
#include <vector>
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {

class source {
public:
    explicit source(std::string path);
    // Header, events, footer; gives the problems of the trace.
    std::vector<std::string> read(traces::reader_events&);
    traces::trace const& whole(); // in memory from now on

private:
    std::string path_;
    bool again_;
    std::optional<traces::trace> kept_;
};

} // namespace shutdown_repro::cli
