// Pairs the actors of two traces. Ids can't be compared, because each execution numbers its actors in the order in
// which they appear. Actors are paired by role instead: for a request the role is what it asks for, for a connection or
// client the request that it carries, for a scope or coroutine its name together with the role of its scope. Actors
// with the same role are paired in the order in which they appear.
#pragma once
#include <unordered_map>
#include "traces/phrases/actors.hpp"

namespace shutdown_repro::traces {

class actor_pairing {
public:
    // `in_a` and `in_b` are the actors of the traces.
    actor_pairing(trace const& a, actor_list const& in_a, trace const& b, actor_list const& in_b);

    // Returns the partner in the other trace; none if there is none.
    ref in_b(ref of_a) const;
    ref in_a(ref of_b) const;
    // Returns a number for the pair, the same from both sides, or a number of its own for an actor without a partner. 0
    // stands for no actor.
    std::uint32_t number_of_a(ref) const;
    std::uint32_t number_of_b(ref) const;

private:
    void pair(ref a, ref b);
    std::unordered_map<ref, ref> to_b_, to_a_;
    std::unordered_map<ref, std::uint32_t> number_a_, number_b_;
    std::uint32_t last_ = 0;
};

} // namespace shutdown_repro::traces
