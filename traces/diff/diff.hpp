// Two traces beside each other, aligned by actor: for each its own sequence of events, with the same events found in
// both. What is compared of an event is its kind, who was concerned (by role, never by id), and its details; numbers,
// times, ports and causes are not. An actor's events are those that happened to it, and those of nobody else's that it
// did.
#pragma once
#include <optional>
#include <string>
#include <vector>
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"
#include "traces/views/text.hpp"

namespace shutdown_repro::traces {

// Of both traces, or of one where the other is nullptr. Views the traces.
struct event_pair {
    event const* a = nullptr;
    event const* b = nullptr;
    bool alike() const { return a && b; }
};

struct compared_actor {
    ref a, b;                       // none where a trace has nobody of that role
    std::string name;               // "handler of GET /2"; "" when not said
    std::vector<event_pair> events; // in order
    bool alike = true;
};

struct changed_field {
    std::string name, a, b;
}; // of the scenario; values as JSON, "" where it is absent

// The first decision that was taken otherwise. One trace may not have it: it went on as by default, or ended before.
struct changed_decision {
    std::size_t index = 0; // as schedules count, where the trace says it
    event_pair at;
    std::size_t later = 0; // how many further ones differ
    bool separates = true; // nothing differed before it
};

struct comparison {
    std::vector<compared_actor> actors; // in the order of the timeline's lanes
    std::vector<changed_field> scenario;
    std::optional<changed_decision> decision;
    // Of the events that only one trace has, the earliest of each trace in the actor that differs first.
    event_pair first;
    std::size_t first_actor = 0;
    // If all actors have the same events but in another order: the first difference.
    std::optional<event_pair> reordered;
    std::string end_a, end_b; // how the server's process ended: "SIGABRT", "status 0", "no footer"

    bool alike() const; // in what happened and how it ended; scenarios and decisions may differ without effect
};

comparison compare(trace const& a, trace const& b);

struct diff_side {
    trace const& of;
    std::span<violation const> violations;
    std::string name; // the file's
};
std::string diff(comparison const&, diff_side const& a, diff_side const& b, text_style);

} // namespace shutdown_repro::traces
