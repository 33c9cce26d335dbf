// The state of an entity at a point of the trace, in words, from the model replayed to that point.
#pragma once
#include <string>
#include <utility>
#include <vector>
#include "traces/model/model.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// Finds events by number; the numbers of other writers need not ascend. Views the trace.
class event_index {
public:
    explicit event_index(trace const&);
    event const* find(seq_t) const;

private:
    std::vector<std::pair<seq_t, event const*>> by_seq_;
};

// Returns "suspended on delay since #31, cancel pending" and the like; "" for an actor that has ended, is unknown or
// has no states.
std::string state_of(ref, model const&);

// Returns "coroutine:5 (handler of GET /2)", or only the id if the trace gives it no name.
std::string named(ref, model const&);

} // namespace shutdown_repro::traces
