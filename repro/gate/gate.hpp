// The result of a gate: its checks, the violations that each has seen, and the outcome. It is plain data from which the
// text for people and the reports for CI systems are written.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "repro/explore/explore.hpp"
#include "repro/gate/baseline.hpp"
#include "server_under_test/worlds/world_kind.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::repro {

// What a check expects: no violation, or, for a reproducer, violations of these rules.
struct expectation {
    bool clean = true;
    std::vector<std::string> rules; // when not clean: each of them must be violated
};

// How a violation relates to the expectation and to the baseline.
enum class standing : std::uint8_t {
    fresh,    // new, not in the baseline: the check fails
    worse,    // more frequent than in the baseline: the check fails
    known,    // in the baseline, and not more frequent
    excepted, // tolerated by an exception in the baseline, with a reason and an expiry date
    expected, // the violation that a reproducer expects, or one that comes with it
    allowed,  // allowed by the check, or only a note
    follows,  // seen only together with a root that explains it; the root is judged instead
};

// Violations with the same rule and fingerprint, over the trials of one check.
struct gate_violation {
    std::string rule, fingerprint; // the fingerprint is stable: it has no ids, ports and addresses
    traces::severity level = traces::severity::error;
    std::string message;     // message of the first one
    std::uint64_t count = 0; // number of trials with this violation
    std::string replay;      // a command line that reproduces it; "" when there is none
    std::string trace;       // path of the first trace; "" if it was not kept
    struct step {
        traces::seq_t at;
        std::string what;
    }; // `what` is one line for people
    std::vector<step> witness;
    std::vector<std::string> inside;
    standing stands = standing::fresh;
    std::string reason; // the reason of the exception, if excepted
    struct cause {
        std::string rule, fingerprint;
        friend auto operator<=>(cause const&, cause const&) = default;
    };
    std::vector<cause> caused_by = {}; // roots of its defects; empty if any trial showed it without a root
    bool led_to = false;               // in the kept trace it came before its root, and led to it
};

// The outcome of a check.
enum class outcome : std::uint8_t {
    passed,       // as expected, or no worse than the baseline
    failed,       // a new violation, one worse than the baseline, or an expected one is missing
    stale,        // the baseline has an entry that is fixed or expired
    inconclusive, // too little evidence; never counts as passed
};

// One shard's part of an exploration: all that merge needs to judge the exploration as a whole.
struct explored_part {
    explore_options how;
    exploration found;
    std::vector<gate_violation> shown; // for each finding with a rule, the violation of its shortest execution
};

struct check_result {
    std::string name;                       // unique in its gate
    std::string scenario, policy, strategy; // strategy is "" without exploration
    server::world_kind world = server::world_kind::sim;
    std::string target, probe; // for a real server, instead of scenario, policy and strategy; probe is "" for a program
    std::string file;          // the gate file; "" for the bundled suite
    std::uint32_t line = 0;    // line of the check in that file
    expectation expected;
    std::vector<std::string> allowed; // rules whose violations are allowed
    outcome result = outcome::inconclusive;
    std::vector<std::string> why;                             // reasons for the outcome; the first is the headline
    std::vector<gate_violation> violations;                   // errors first
    std::uint64_t trials = 0, violated = 0, inconclusive = 0; // `violated` does not count notes; an inconclusive trial
                                                              // was incomplete, whatever it violated
    bool exact = false;                                       // true if every possibility was tried; false for a sample
    bool open_ended = false;               // no "repeat" given, so the trials of a reproducer are not a rate
    std::string trouble;                   // why the first inconclusive trial was inconclusive; "" if there was none
    std::string guarantee;                 // what a clean result guarantees; "" for nothing
    double seconds = 0;                    // duration
    std::optional<explored_part> explored; // set for an exploration in a shard

    // Adds inconclusive trials. Keeps only the first reason.
    void doubt(std::uint64_t of_trials, std::string const& reason);
};

// Criteria that a gate is judged against.
struct gate_rules {
    baseline known;                 // empty when there is none
    std::string today;              // "YYYY-MM-DD"
    bool allow_stale = false;       // stale entries are reported, but do not fail the gate
    std::vector<std::string> names; // names of all checks of the gate, including those not selected
};

// Returns the share of check number k: shard (k + n) modulo the number of shards runs its trial n, so that checks with
// a single trial are distributed, too.
share share_of_check(share shard, std::size_t k);

struct gate_result {
    std::string file, baseline;       // paths; "" for none
    std::vector<check_result> checks; // in the order of the file
    std::vector<std::string> stale;   // sentences about baseline entries that belong to no check
    bool interrupted = false;
    // Set for a shard: its share of the trials, and the criteria for judging the whole (merge.hpp).
    struct part {
        share mine;
        gate_rules by;
    };
    std::optional<part> shard;
    bool is_part() const { return shard && shard->mine.count > 1; }
};

std::string_view name_of(outcome);  // "passed", "failed", "stale", "inconclusive"
std::string_view name_of(standing); // "new", "worse", "known", "excepted", "expected", "allowed", "follows"
bool is_cause_of(gate_violation const& root, gate_violation const& other); // named in its `caused_by`
outcome worst_of(gate_result const&); // failed before inconclusive before stale before passed

} // namespace shutdown_repro::repro
