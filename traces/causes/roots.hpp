// One defect, one finding: which violations of a trace follow from which.
//
// A violation B follows from an earlier violation A when the trace proves it:
//   edges       A's event is a cause of B's event along `because`, or one of the events that B names as its witness;
//   the death   B is that the process died, or that a client lost its connection by that, and A is what the process
//               died of. Where the server has several processes, nothing says which of them failed an assertion or held
//               a connection, so only the edges count;
//   one fact    A and B are broken at the same event and name the same two or more witnesses;
//   the signal  A is that the process does not catch the stop signal, B is that a client lost its connection after that
//               signal was sent, and the process died of it. No code of the server ran after the signal. Only where no
//               other process of the server ran at the stop: one of those may have held the connection.
// The walk along the edges ends at stop, free and signals: whoever calls them decided to. What is proven so has one
// root, the earliest such violation.
//
// One more edge makes defects out of roots: free that is called because stop had returned. Of the roots on both sides
// of such a free, the one that the process died of leads, else the earliest. Two violations that share no such proof
// stay two defects, even when they have one victim or one moment; but roots that are alike (alike.hpp), at events of
// one kind and all before or all after the first stop, are one defect that was seen several times.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#include "traces/causes/causes.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

enum class defect_part : std::uint8_t {
    root,   // the violation that the defect is called after
    before, // came before the root and led to it
    after,  // follows from the root
};

struct defect_place {
    std::size_t root = 0; // index of the root, its own index when it is the root
    defect_part is = defect_part::root;
    std::size_t like =
        0; // of a root: index of the first root that it is alike to, its own index if there is none before
};

// Notes events and then places violations. Memory grows with the events from the first stop, free or signal on, some
// thirty bytes each: what came before explains nothing.
class root_finder {
public:
    void note(event const&); // each event of the trace, in order
    void note(
        footer const&); // when the trace has one: only the footer of a simulated trace may say what the process died of
    // One place for each violation, in the order given, which is that of rule_run::violations().
    std::vector<defect_place> roots_of(std::span<violation const>);

private:
    struct lost_connection {
        seq_t at;
        ref request;
    };
    void note_request(event const&);
    void note_process(event const&);
    void note_end(event const&);
    void note_default_action(event const&);
    void link_default_action();
    void mark_alike(std::span<violation const>, std::span<defect_place>) const;
    void forget_deaths();
    void link_losses();
    std::vector<seq_t> back_from(seq_t, bool through_free) const;

    cause_graph graph_;
    std::map<seq_t, seq_t> implied_; // edges that no writer records: effect, cause
    std::unordered_map<ref, ref> connection_of_;
    std::unordered_map<ref, seq_t> closed_;
    std::vector<lost_connection> lost_;
    // The stop signal, if process:1 does not catch it: where that was seen, and whether the process died of it.
    struct {
        std::string signal;
        seq_t seen = no_seq, sent = no_seq;
        bool others = false, died = false;
        std::vector<seq_t> lost; // connections, after it was sent
    } default_action_;
    std::unordered_set<ref> others_; // the other processes of the server that run
    seq_t assertion_ = no_seq, death_ = no_seq;
    seq_t died_of_assertion_ = no_seq; // the exit that no edge but the signal ties to the assertion
    ref process_;                      // the one that the trace tells of, the first of several
    bool acted_ = false, exited_ = false, died_unrecorded_ = false, several_ = false;

    friend class root_search;
};

// The same of a trace in memory.
std::vector<defect_place> roots_of(trace const&, std::span<violation const>);

// The number of roots among them that are no notes, those that are alike once: how many defects the violations are.
std::size_t defects_in(std::span<violation const>, std::span<defect_place const>);

// The gravest level of the violations of a defect: a warning that a crash follows from is no mere warning.
severity level_of_defect(std::span<violation const>, std::span<defect_place const>, std::size_t root);

// The message of a root and of those that are alike.
std::string message_of_root(std::span<violation const>, std::span<defect_place const>, std::size_t root);

// The violations that have this root, or one that it is alike to, and this part: those that are alike in one group.
std::vector<std::vector<violation const*>> grouped_under(
    std::span<violation const>, std::span<defect_place const>, std::size_t root, defect_part);

// "assertion-failed, crash-on-stop, access-after-free (3)": the rules of the same violations, each rule once, in order;
// "" when there are none.
std::string rules_under(std::span<violation const>, std::span<defect_place const>, std::size_t root, defect_part);

} // namespace shutdown_repro::traces
