// Compares two traces actor by actor: the sequences of events of an actor are aligned at the events that both have. Two
// events are equal if their kinds, their actors (by role, never by id) and their details are; numbers, times, ports and
// causes are not compared. The events of an actor are those whose subject it is, and those without a subject that it
// caused.
#pragma once
#include <optional>
#include <string>
#include <vector>
#include "traces/phrases/text.hpp"
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// An event of both traces, or of one if the other pointer is null. Views the traces.
struct event_pair {
    event const* a = nullptr;
    event const* b = nullptr;
    bool alike() const { return a && b; }
};

struct compared_actor {
    ref a, b;                       // none if the trace has no actor of that role
    std::string name;               // "handler of GET /2"; "" if not recorded
    std::vector<event_pair> events; // in order
    bool alike = true;
};

struct changed_field {
    std::string name, a, b;
}; // a field of the scenario; values are JSON, "" if absent

// The first decision that differs. One trace may not have it, because it took the default or had ended.
struct changed_decision {
    std::size_t index = 0; // number of the decision as in schedules, if the trace records it
    event_pair at;
    std::size_t later = 0; // number of further decisions that differ
    bool separates = true; // whether nothing differs before it
};

struct comparison {
    std::vector<compared_actor> actors; // in the order of the timeline's lanes
    std::vector<changed_field> scenario;
    std::optional<changed_decision> decision;
    // The actor that differs first, and its earliest event in each trace that the other trace does not have.
    event_pair first;
    std::size_t first_actor = 0;
    // If all actors have the same events but in another order: the first difference.
    std::optional<event_pair> reordered;
    // The first difference, for a view that shows a single one: the decision that separates the traces, else the first
    // event in another order, else the first difference of an actor. The name of the policy in server.open is no
    // difference. For an event that only one trace has, the other side is the next event of that actor there, or
    // nullptr.
    event_pair parting;
    std::string end_a, end_b; // how the server's process ended: "SIGABRT", "status 0", "no footer"

    bool alike() const; // whether events and ends are equal; scenarios and decisions may differ all the same
};

comparison compare(trace const& a, trace const& b);

struct diff_side {
    trace const& of;
    std::span<violation const> violations;
    std::string name; // name of the file
};
std::string diff(comparison const&, diff_side const& a, diff_side const& b, text_style);

} // namespace shutdown_repro::traces
