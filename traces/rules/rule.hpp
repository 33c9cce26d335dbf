// A rule reads a trace and nothing else: it does not know which server, world or language wrote it. Each is one small
// state machine with its description beside it in traces/rules/*.cpp; adding one is adding one such piece and its row
// in that file's table. rules.cpp only concatenates the tables.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "traces/format/jsonl.hpp"
#include "traces/rules/model.hpp"
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
    severity level = severity::note; // rule_run raises it to the rule's own
    ref subject = {};
    seq_t at = 0;                    // the event at which it is broken; the last one for rules of the end
    std::vector<seq_t> witness = {}; // the events that show it; rule_run puts them in order
    std::string message = {};        // one sentence: what, and who was still inside
    std::vector<std::string> inside =
        {}; // one line each: who, spawned where, in which state; of many the last counts the rest
    std::size_t inside_unnamed = 0; // that rest
};

class rule_run; // collects

// One rule at work on one trace.
class rule {
public:
    virtual ~rule() = default;
    virtual void on(event const&, model const&, rule_run&) {}
    // After the last event. `complete`: the trace has its footer, lost nothing, and the server did not die of a signal
    // or a failed assertion (who dies loses everything at once, and that is reported instead): what is missing now is
    // missing for good. "At the end" rules judge only then.
    virtual void end(model const&, bool complete, rule_run&) { (void)complete; }
    virtual void reset() {} // as new, capacity kept
    // What kept it from judging this trace although the facts of its `needs` are there ("a stop"); "" when nothing did.
    virtual std::string_view lacks(model const&) const { return {}; }
};

struct rule_info {
    std::string_view id;
    severity level;
    unsigned needs;            // observes bits, all of them
    unsigned needs_one_of = 0; // and at least one of these, when there are any
    std::vector<kind> kinds;   // the events it wants
    std::string_view summary;  // violated when, one line
    std::string_view why;      // one paragraph
    std::string_view cites;    // public reports of the class, ", " separated; "" when there is none
    std::string_view fix;      // a hint
    std::unique_ptr<rule> (*make)();
};
// "scopes and coroutines", "requests and one of server, process"
std::string needs_text(rule_info const&);

std::span<rule_info const> all_rules(); // in the order of their families
rule_info const* find_rule(std::string_view id);

// All rules (or the given ones) over one trace, streaming. Also a sink, so that they can run while a simulated
// execution records.
class rule_run final : public sink, public reader_events {
public:
    rule_run(); // every rule
    explicit rule_run(std::span<rule_info const* const>);
    ~rule_run() override;

    void on_header(header const&) override;
    void on_event(event const& e) override { put(e); }
    void on_footer(footer const&) override;
    void put(event const&) override;
    // From here on violations come without message and `inside`; everything else of them stays. Not undone by reset().
    void without_words() { model_.words = false; }
    void finish(bool complete); // once, after the last event (and the footer, when there is one)
    void reset();

    std::vector<violation> const& violations() const { return found_; } // by `at`, then in the order of the rules
    struct skipped {
        rule_info const* rule;
        std::string lacks; // what the trace has none of
        std::string why() const { return "needs " + lacks + ", the trace has none"; }
    };
    std::vector<skipped> not_applicable() const; // after finish(); a rule that reported something never is
    model const& state() const { return model_; }

    // For rules.
    void report(violation);

private:
    struct entry;
    struct listener { // an entry and its judge, which saves each event the way there
        rule* judge;
        entry* of;
    };
    void add(std::span<rule_info const* const>);

    std::vector<entry> entries_; // not moved once there
    std::vector<std::vector<listener>> by_kind_;
    model model_;
    unsigned declared_ = 0, seen_ = 0;
    bool lost_events_ = false;
    entry* current_ = nullptr;
    std::vector<violation> found_;
};

enum class verdict : std::uint8_t { clean, violated, inconclusive };
std::string_view name_of(verdict);
// Violations found in an incomplete trace count; otherwise it is inconclusive, never clean. Notes and warnings are
// reported but only errors and warnings violate.
verdict judge(std::vector<violation> const&, bool complete);

} // namespace shutdown_repro::traces
