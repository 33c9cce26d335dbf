// What led to a violation, as its events say: the way back along their causes.
#pragma once
#include <vector>
#include "traces/rule.hpp"
#include "traces/trace.hpp"
#include "traces/views/state.hpp"

namespace shutdown_repro::traces {

// Steps in the order in which they happened.
using way = std::vector<event const*>;

// Whether it is stop, free or a signal: what begins a shutdown.
bool is_act(kind);

class causes {
public:
    explicit causes(trace const&); // views it
    // Everything that led to it after the stop, back to the act that began it. What shows it from before the stop (who was
    // spawned where, what was queued) is one step each, with the choice that it was: how it came about otherwise is not what
    // went wrong.
    way way_to(violation const&) const;

private:
    event_index events_;
    event const* first_act_ = nullptr;
};

} // namespace shutdown_repro::traces
