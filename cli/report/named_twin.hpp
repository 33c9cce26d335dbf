// What the trace of a finding says of the nearest execution that passes, as `explore` writes it.
#pragma once
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::cli {

struct named_twin {
    std::string path;   // its trace, "" when that is not there
    std::string passes; // "when decision 3 is not … but …", "" when the trace does not say
};

// `trace` is the path of the trace with this header, "-" for standard input. Only a file beside the trace is taken for
// its twin: a trace is somebody else's and names whatever it likes.
named_twin twin_named_in(traces::header const&, std::string const& trace);

} // namespace shutdown_repro::cli
