// A gate: checks that a team has committed, what each saw when it was run, and what was concluded. Plain data: the text that
// people read and the reports that a CI reads are written from it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "repro/explore/explore.hpp"
#include "repro/gate/baseline.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::repro {

// What a check wants: nothing violated, or (a reproducer must keep reproducing) these rules violated.
struct expectation {
    bool clean = true;
    std::vector<std::string> rules; // when not clean: each of them must be violated
};

// How a violation that was seen stands to what was expected and to the baseline.
enum class standing : std::uint8_t {
    fresh,    // nobody knew it: the check fails
    worse,    // the baseline knows it, but not that often: the check fails
    known,    // as the baseline has it
    excepted, // somebody wrote into the baseline why it is tolerated, until when
    expected, // it is what a reproducer reproduces, or comes with that
    allowed,  // the check says so, or it is a note
};

// Violations that are alike, over the trials of one check.
struct seen_violation {
    std::string rule, fingerprint; // fingerprint: stable, without ids, ports and addresses
    traces::severity level = traces::severity::error;
    std::string message;     // of the first
    std::uint64_t count = 0; // trials that violated so
    std::string replay;      // a command line that shows it again; "" when there is none
    std::string trace;       // where the first was kept; ""
    struct step {
        traces::seq_t at;
        std::string what;
    }; // what: one line for people
    std::vector<step> witness;
    std::vector<std::string> inside;
    standing stands = standing::fresh;
    std::string reason; // of one that is excepted
};

// How a violation, or its absence, stands to the baseline and to what was expected.
enum class outcome : std::uint8_t {
    passed,       // as expected, or no worse than what the baseline knows
    failed,       // new, worse than the baseline, or what was expected did not happen
    stale,        // the baseline holds what is gone, or what has expired
    inconclusive, // too little was seen to say: never passed
};

// A shard's part of an exploration: what it takes to say of all parts together what one exploration would.
struct explored_part {
    explore_options how;
    exploration found;
    std::vector<seen_violation> shown; // for each of found.findings that has a rule, its shortest execution
};

struct checked {
    std::string name;                              // unique in its gate
    std::string scenario, policy, world, strategy; // strategy "": no exploration
    std::string target, probe; // of a real server, instead of scenario, policy and strategy; probe "": a program
    std::string file;          // the gate file, "" for the bundled suite
    std::uint32_t line = 0;    // where the check stands in it
    expectation expected;
    std::vector<std::string> allowed; // rules that may be violated
    outcome came = outcome::inconclusive;
    std::vector<std::string> why;                             // sentences, the first for a headline
    std::vector<seen_violation> seen;                         // errors first
    std::uint64_t trials = 0, violated = 0, inconclusive = 0; // violated: by more than notes; inconclusive: not
                                                              // seen to their end, whatever they violated
    bool exact = false;                    // what was tried is all there is to try; else it is a sample
    bool open_ended = false;               // nobody said how many trials: of a reproducer their number is no rate
    std::string trouble;                   // why trials were inconclusive, of the first; ""
    std::string guarantee;                 // what a clean one is worth; "" when nothing follows
    double seconds = 0;                    // that it took
    std::optional<explored_part> explored; // of an exploration in a shard

    // So many trials were not seen to their end.
    void doubt(std::uint64_t of_trials, std::string const& reason);
};

// By what it is judged.
struct gate_rules {
    baseline known;                 // empty when there is none
    std::string today;              // "YYYY-MM-DD"
    bool allow_stale = false;       // stale entries are told, and pass
    std::vector<std::string> names; // of all checks of the gate, also those that were not selected
};

// Trial n of the k-th check is that of shard k + n modulo their number, so that checks of one trial are shared out, too.
share share_of_check(share shard, std::size_t k);

struct gate_result {
    std::string file, baseline;     // paths; "" for none
    std::vector<checked> checks;    // in the order of the file
    std::vector<std::string> stale; // sentences about entries of the baseline that belong to no check
    bool interrupted = false;
    // It has a part of the trials of each check, and says by what the whole is to be judged (merge.hpp).
    struct part {
        share mine;
        gate_rules by;
    };
    std::optional<part> shard;
    bool is_part() const { return shard && shard->mine.count > 1; }
};

std::string_view name_of(outcome);    // "passed", "failed", "stale", "inconclusive"
std::string_view name_of(standing);   // "new", "worse", "known", "excepted", "expected", "allowed"
outcome worst_of(gate_result const&); // failed before inconclusive before stale before passed

} // namespace shutdown_repro::repro
