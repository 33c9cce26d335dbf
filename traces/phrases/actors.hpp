// The actors of a trace, in the order in which views show them: servers, controls, each scope with its coroutines and
// then its child scopes, requests, connections, clients, processes.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

struct actor {
    ref id;
    ref parent;            // scope of a coroutine, parent of a scope, connection of a request; none if not recorded
    std::string name;      // "handler of GET /2"; "" if not recorded
    std::size_t first = 0; // index of its first event
    std::size_t last = 0;  // index of its last event
    bool over = false;     // whether its last event ended it
    std::size_t depth = 0; // depth in the tree of scopes; 0 for a root
};

// The actor whose lane shows the event: its subject, or else the actor that caused it.
inline ref lane_of(event const& e) { return e.id ? e.id : e.by; }
// Whether the kind ends the lifetime of its subject.
bool ends_life(kind);
// Returns the name that the event gives its subject, for people; "" for none.
std::string name_given(event const&);

class actor_list {
public:
    // Collects the actors of the events before index `end`.
    explicit actor_list(trace const&, std::size_t end = static_cast<std::size_t>(-1));
    // To collect event by event: call note() for each, then arrange() once. Memory is proportional to the number of
    // actors.
    actor_list() = default;
    void note(event const&, std::size_t index);
    void arrange();

    std::vector<actor> const& in_order() const { return actors_; }
    actor const* find(ref) const;

private:
    actor& seen(ref, std::size_t index);
    std::vector<actor> actors_;
    std::unordered_map<ref, std::size_t> place_; // index of each in actors_
};

} // namespace shutdown_repro::traces
