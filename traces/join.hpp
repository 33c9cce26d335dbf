// Joins two traces: the events that the server wrote, and those that we observed of clients and the process. All times
// are CLOCK_MONOTONIC, so events are merged by time. Each trace keeps its order, and no effect comes before its cause,
// whatever the times are: a request begins after it was sent, and a response is received after it was given.
#pragma once
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// Returns events and problems. Numbers begin at 0, `because` has causes in the other trace, too, and times never go
// back (an event that is moved behind its cause gets the time of the cause). The caller fills header and footer.
trace join(trace const& server, trace const& seen);

} // namespace shutdown_repro::traces
