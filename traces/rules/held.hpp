// What a stop waited for, as it is seen from outside: after the last piece of work was over only connections of one
// standing were left, one of them stayed all the while, and the end came when it went, or never came.
#pragma once
#include "traces/rules/model.hpp"

namespace shutdown_repro::traces {

enum class holder : std::uint8_t { nobody, work, silent, idle, stream, traffic, several };

struct holding {
    holder by = holder::nobody;
    ref who = {};
    seq_t shown = no_seq;  // the event that tells of it
    nanoseconds quiet = 0; // how long there was no work but that
};

// At the exit.
holding held_until(nanoseconds exit, model const&);

// The exit is later than the server is configured to take at most, whatever held it.
bool is_overdue(nanoseconds exit, model const&);

// A coroutine that called stop and waits for it, while stop waits for the coroutine.
ref waits_for_itself(model const&);

} // namespace shutdown_repro::traces
