// A gate: checks that a team has committed, what each saw when it was run, and what was concluded. Plain data: the text that
// people read and the reports that a CI reads are written from it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "traces/rule.hpp"

namespace shutdown_repro::repro {

// What a check wants: nothing violated, or (a reproducer must keep reproducing) these rules violated.
struct expectation {
    bool clean = true;
    std::vector<std::string> rules; // when not clean: each of them must be violated
};

// Violations that are alike, over the trials of one check.
struct seen_violation {
    std::string rule, fingerprint;  // fingerprint: stable, without ids, ports and addresses
    traces::severity level = traces::severity::error;
    std::string message;            // of the first
    std::uint64_t count = 0;        // trials that violated so
    std::string replay;             // a command line that shows it again; "" when there is none
    std::string trace;              // where the first was kept; ""
    struct step { traces::seq_t at; std::string what; }; // what: one line for people
    std::vector<step> witness;
    std::vector<std::string> inside;
};

// How a violation, or its absence, stands to the baseline and to what was expected.
enum class outcome : std::uint8_t {
    passed,       // as expected, or no worse than what the baseline knows
    failed,       // new, worse than the baseline, or what was expected did not happen
    stale,        // the baseline holds what is gone, or has expired
    inconclusive, // too little was seen to say: never passed
};

struct checked {
    std::string name;               // unique in its gate
    std::string scenario, policy, world, strategy; // strategy "": no exploration
    std::string file;               // the gate file, "" for the bundled suite
    std::uint32_t line = 0;         // where the check stands in it
    expectation expected;
    outcome came = outcome::inconclusive;
    std::vector<std::string> why;   // sentences, the first for a headline
    std::vector<seen_violation> seen; // errors first
    std::uint64_t trials = 0, violated = 0, inconclusive = 0;
    std::string guarantee;          // what a clean one is worth; "" when nothing follows
    double seconds = 0;             // that it took
};

struct gate_result {
    std::string file, baseline;     // paths; "" for none
    std::vector<checked> checks;    // in the order of the file
    bool interrupted = false;
};

} // namespace shutdown_repro::repro
