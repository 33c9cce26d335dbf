// The events that led to a violation: the path back along their causes.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <vector>
#include "traces/phrases/state.hpp"
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

// Whether the kind begins a shutdown: stop, free or a signal.
bool is_act(kind);

// The causes of all events, for a trace that is not kept in memory. Takes about thirty bytes for each event.
class cause_graph {
public:
    void note(event const&); // call for each event, in order
    // Returns the events that led to the violation, in order, back to the stop, free or signal that began it. For a
    // lost connection and a signal that is not handled these are also what the process was known to do with the
    // signal, and how it and its workers ended. An event from before that (a coroutine is spawned, a call is queued)
    // is included only if the violation or one of these events refers to it directly, together with the decision that
    // caused it: the events before it do not explain the failure.
    std::vector<seq_t> path_to(violation const&) const;
    // Returns the kind of the event with this number; nullopt if there is no such event.
    std::optional<kind> kind_of(seq_t) const;
    // Returns the direct causes of the event; none if there is no such event. Valid until the next note().
    std::span<seq_t const> causes_of(seq_t) const;

private:
    struct node {
        seq_t seq;
        std::uint32_t links; // where its causes begin in links_; they end where the next node's begin
        kind what;
    };
    std::optional<std::uint32_t> find(seq_t) const;
    std::span<seq_t const> links_of(std::uint32_t) const;

    void note_process(event const&);
    std::vector<seq_t> of_processes(seq_t broken_at, kind) const;

    std::vector<node> nodes_;
    std::vector<seq_t> statuses_, worker_ends_;
    std::optional<seq_t> main_end_;
    std::vector<seq_t> links_;
    std::optional<seq_t> first_act_;
    bool ascending_ = true;
    mutable std::vector<std::uint32_t> by_seq_; // only for traces of other writers whose numbers do not ascend
};

// The events that led to a violation, in order.
using cause_path = std::vector<event const*>;

// The same for a trace in memory, which it views.
class cause_finder {
public:
    explicit cause_finder(trace const&);
    cause_path path_to(violation const&) const;

private:
    event_index events_;
    cause_graph graph_;
};

} // namespace shutdown_repro::traces
