// A rule reads a trace and nothing else: it is independent of the server, world and language that wrote the trace. Each
// rule is a small state machine with its description beside it in traces/rules/*.cpp. To add a rule, add such a struct
// and its row in the table of that file. rules.cpp only concatenates the tables.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "traces/format/jsonl.hpp"
#include "traces/model/model.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

enum class severity : std::uint8_t { note, warning, error };
std::string_view name_of(severity);

// What a trace must record for a rule to be applicable; a bit set.
enum observes : std::uint16_t {
    scopes = 1,
    coroutines = 2,
    requests = 4,
    connections = 8,
    server_acts = 16,
    clients = 32,
    process = 64,
    loops = 128,
    timers = 256,
    callbacks = 512,
    listeners = 1024,
    hooks = 2048,
    dependencies = 4096,
};
std::string observes_text(unsigned bits);        // "scopes, coroutines"
unsigned parse_observes(std::string_view words); // of a header; unknown words are ignored

struct violation {
    std::string_view rule = {};      // rule_run fills it in
    severity level = severity::note; // rule_run raises it to the level of the rule
    ref subject = {};
    seq_t at = 0;                    // the event that violates the rule; the last event for rules that judge at the end
    std::vector<seq_t> witness = {}; // the events that show it; rule_run puts them in order
    std::string message = {};        // one sentence: what happened, and which actors were still inside
    std::vector<std::string> inside =
        {}; // one line for each actor: id, name, spawn and state; if there are many, the last line counts the rest
    std::size_t inside_unnamed = 0; // the number of actors in that rest
};

class rule_run; // collects the violations

// The state of one rule for one trace.
class rule {
public:
    virtual ~rule() = default;
    virtual void on(event const&, model const&, rule_run&) {}
    // Called after the last event. `complete`: the trace has its footer, lost no event, and the server did not die of a
    // signal or a failed assertion (a dying server loses everything at once, which is reported instead). Rules that
    // judge what is missing at the end judge only if `complete`.
    virtual void end(model const&, bool complete, rule_run&) { (void)complete; }
    virtual void reset() {} // back to the initial state; keeps the capacity
    // Whether the rule has an end() and a reset() of its own; make() sets them.
    bool judges_at_end = true, keeps_state = true;
    // Returns what the rule needed and the trace lacks although it has the facts of `needs` ("a stop"), or "" if
    // nothing.
    virtual std::string_view lacks(model const&) const { return {}; }
};

struct rule_info {
    std::string_view id;
    severity level;
    unsigned needs;            // observes bits, all of them
    unsigned needs_one_of = 0; // and at least one of these, unless 0
    std::vector<kind> kinds;   // the kinds of events that the rule receives
    std::string_view summary;  // the condition of a violation, one line
    std::string_view why;      // one paragraph
    std::string_view cites;    // public reports of such defects, separated by ", ", or ""
    std::string_view fix;      // a hint
    std::unique_ptr<rule> (*make)();
};
// "scopes and coroutines", "requests and one of server, process"
std::string needs_text(rule_info const&);

std::span<rule_info const> all_rules(); // in the order of their families
rule_info const* find_rule(std::string_view id);

// Runs all rules (or the given ones) over one trace, event by event. It is also a sink, so that rules can run while a
// simulated execution records.
class rule_run final : public sink, public reader_events {
public:
    rule_run(); // every rule
    explicit rule_run(std::span<rule_info const* const>);
    ~rule_run() override;

    void on_header(header const&) override;
    void on_event(event const& e) override { put(e); }
    void on_footer(footer const&) override;
    void put(event const&) override;
    // From now on violations have no message and no `inside`. reset() does not undo this.
    void without_words() { model_.words = false; }
    void finish(bool complete); // call once, after the last event and after the footer if there is one
    void reset();

    std::vector<violation> const& violations() const { return found_; } // by `at`, then in the order of the rules
    struct skipped {
        rule_info const* rule;
        std::string lacks; // the facts that the trace does not have
        std::string why() const { return "needs " + lacks + ", the trace has none"; }
    };
    std::vector<skipped> not_applicable() const; // call after finish(); does not list rules that reported a violation
    model const& state() const { return model_; }

    // For rules.
    void report(violation);

private:
    struct entry;
    struct listener { // an entry and its rule, stored here to avoid an indirection for each event
        rule* judge;
        entry* of;
    };
    void add(std::span<rule_info const* const>);
    void put_free(event const&);
    void judge_one(event const&);

    std::vector<entry> entries_; // elements are never moved
    std::vector<std::vector<listener>> by_kind_;
    std::vector<listener> at_end_;  // the rules that judge at the end
    std::vector<rule*> with_state_; // the rules that have a reset() of their own
    model model_;
    unsigned declared_ = 0, seen_ = 0;
    std::string allowed_; // rules whose violations are notes, separated by spaces
    bool lost_events_ = false;
    listener const* current_ = nullptr; // the rule that may report
    std::vector<violation> found_;
};

enum class verdict : std::uint8_t { clean, violated, inconclusive };
std::string_view name_of(verdict);
// An error or a warning is a violation, also in an incomplete trace; a note is not. An incomplete trace without a
// violation is inconclusive, never clean.
verdict verdict_of(std::vector<violation> const&, bool complete);

} // namespace shutdown_repro::traces
