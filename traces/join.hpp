// One trace out of several: what the server wrote, and what we saw ourselves of clients and the process. All are dated
// with CLOCK_MONOTONIC, so they are merged by time; each keeps its own order, and no effect comes before its cause,
// whatever the times say: a request begins after it was sent, a response is received after it was given.
#pragma once
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// Events, renumbered from 0, with the causes across processes added to `because`, and problems. Times never go back: an
// event that had to wait for its cause takes the cause's. Header and footer are the caller's to fill.
trace join(trace const& server, trace const& seen);

} // namespace shutdown_repro::traces
