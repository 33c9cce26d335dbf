// The events that led to a violation: the path back along their causes.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"
#include "traces/views/state.hpp"

namespace shutdown_repro::traces {

// Whether the kind begins a shutdown: stop, free or a signal.
bool is_act(kind);

// Of a trace that is not kept: who caused whom, some thirty bytes an event.
class cause_graph {
public:
    void note(event const&); // each, in order
    // Everything that led to it after the stop, back to the act that began it, in the order in which it happened. What
    // shows it from before the stop (who was spawned where, what was queued) is one step each, with the choice that it
    // was: how it came about otherwise is not what went wrong.
    std::vector<seq_t> path_to(violation const&) const;
    // The kind of the event with this number; nullopt when no such event was noted.
    std::optional<kind> kind_of(seq_t) const;
    // The causes that the event names; none when no such event was noted. Valid until the next note().
    std::span<seq_t const> causes_of(seq_t) const;

private:
    struct node {
        seq_t seq;
        std::uint32_t links; // where its causes begin in links_; they end where the next node's begin
        kind what;
    };
    std::optional<std::uint32_t> find(seq_t) const;
    std::span<seq_t const> links_of(std::uint32_t) const;

    std::vector<node> nodes_;
    std::vector<seq_t> links_;
    std::optional<seq_t> first_act_;
    bool ascending_ = true;
    mutable std::vector<std::uint32_t> by_seq_; // of a foreign trace whose numbers don't ascend
};

// Steps in the order in which they happened.
using cause_path = std::vector<event const*>;

// The same of a trace that is kept, which it views.
class cause_finder {
public:
    explicit cause_finder(trace const&);
    cause_path path_to(violation const&) const;

private:
    event_index events_;
    cause_graph graph_;
};

} // namespace shutdown_repro::traces
