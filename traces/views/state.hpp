// The state of an entity at a point of the trace, in words, from the model replayed to that point.
#pragma once
#include <string>
#include <utility>
#include <vector>
#include "traces/rules/model.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// Finds events by number, whatever numbers a foreign trace uses. Views the trace.
class event_index {
public:
    explicit event_index(trace const&);
    event const* find(seq_t) const;

private:
    std::vector<std::pair<seq_t, event const*>> by_seq_;
};

// "suspended on delay since #31, cancel pending"; empty for who is gone, was never seen or has no states to be in.
std::string state_of(ref, model const&);

// "coroutine:5 (handler of GET /2)", or the id alone when the trace gave it no name.
std::string named(ref, model const&);

} // namespace shutdown_repro::traces
