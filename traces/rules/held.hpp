// Infers from outside what a stop waited for: after the end of the last work only connections of one standing were
// left, one of them stayed open all the time, and the process exited when it ended, or never exited.
#pragma once
#include "traces/model/model.hpp"

namespace shutdown_repro::traces {

enum class holder : std::uint8_t { nobody, work, silent, idle, stream, traffic, several };

struct holding {
    holder by = holder::nobody;
    ref who = {};
    seq_t shown = no_seq;  // the event that shows it
    nanoseconds quiet = 0; // time without any other work
};

// Returns what the exit waited for.
holding held_until(nanoseconds exit, model const&);

// Whether the server takes as long when no client is connected: then no client holds it.
bool takes_as_long_at_rest(nanoseconds exit, model const&);

// Whether the exit came more than a second after the configured drain timeout.
bool is_overdue(nanoseconds exit, model const&);

// Returns a coroutine that called stop and waits for its end, while stop waits for the coroutine; none if there is
// none.
ref waits_for_itself(model const&);

} // namespace shutdown_repro::traces
