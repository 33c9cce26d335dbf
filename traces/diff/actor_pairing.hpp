// Who of one trace is who of another. An id says nothing about that: two executions hand out numbers in the order in
// which things happen. What says it is the role: a request is what it asks for, a connection or client the request it
// carries, a scope or coroutine its name in the role of its scope. Those of the same role are paired in the order in
// which they appear.
#pragma once
#include <unordered_map>
#include "traces/views/actors.hpp"

namespace shutdown_repro::traces {

class actor_pairing {
public:
    // The casts are of the traces.
    actor_pairing(trace const& a, actor_list const& in_a, trace const& b, actor_list const& in_b);

    // Who it is in the other trace; none when the other trace has nobody of that role.
    ref in_b(ref of_a) const;
    ref in_a(ref of_b) const;
    // A number for the pair, or for who has no partner; the same from both sides. 0 is nobody.
    std::uint32_t number_of_a(ref) const;
    std::uint32_t number_of_b(ref) const;

private:
    void pair(ref a, ref b);
    std::unordered_map<ref, ref> to_b_, to_a_;
    std::unordered_map<ref, std::uint32_t> number_a_, number_b_;
    std::uint32_t last_ = 0;
};

} // namespace shutdown_repro::traces
