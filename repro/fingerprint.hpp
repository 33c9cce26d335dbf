// What went wrong, without whom it went wrong for: the rule, and the kinds and names in the witness, with no number in them.
// Two executions that violate alike have one fingerprint, whatever their schedules.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "traces/rule.hpp"

namespace shutdown_repro::repro {

// "scope-disposed-nonempty scope(request:#): act.free coroutine.finish(handler of GET /#) …"
std::string fingerprint(traces::trace const&, traces::violation const&);

// The same in 64 bits, from events as they come: for explorations, which do not keep the events.
class fingerprinter {
public:
    void begin();
    void saw(traces::event const&);
    std::uint64_t of(traces::violation const&) const;

private:
    struct seen { traces::kind what; traces::ref id; };
    std::vector<seen> events_;                               // by sequence number
    std::vector<std::uint64_t> names_[traces::entity_count]; // by number
    mutable std::vector<std::uint64_t> parts_;               // of()'s, kept for its capacity
};

} // namespace shutdown_repro::repro
