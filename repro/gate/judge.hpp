// Judges checks: a pure function of the counts, the expectation, the baseline and the date. So the counts of shards can
// be added up and judged together.
//
// An exact check is judged exactly: one execution decides. A sample is judged by confidence intervals (wilson.hpp):
//   a new violation fails, however rare it is; a violation whose exception has expired is new;
//   a violation that was seen only together with a root that explains it is not judged: its root is, and the baseline
//   need not have it; without its root it is new;
//   a known violation fails when it is worse: its interval lies above that of the baseline;
//   a known violation is fixed, so that the baseline is stale, after as many clean trials as its rate requires;
//   a reproducer passes after one trial with the violation. It fails after as many trials without it as the rate in
//   the baseline requires, or, without a baseline, a rate of one in ten.
// An incomplete trial is inconclusive, never clean.
//
// A shard fails only for a new violation, which fails whatever other shards have seen, and is inconclusive where its
// trials were. Everything else depends on the counts of all shards and is decided by merge.
#pragma once
#include <string>
#include <vector>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::repro {

// The violations that a check without "repeat" waits for, and the maximum number of trials. These are the violations
// that a reproducer expects, or else those in the baseline that a hundred clean trials can prove to be fixed.
struct awaited_violations {
    struct violation {
        std::string rule, fingerprint;
    }; // fingerprint "": any
    std::vector<violation> all;
    std::uint64_t most_trials = 0;
};
awaited_violations await(baseline const&, std::string const& check, expectation const&);

// Fills in the outcome of each check, its reasons, the standing of each violation, and gate_result::stale.
void judge(gate_result&, gate_rules const&);

// Returns the baseline with the violations of this result added and those that it proved fixed removed. Entries of
// checks that did not run and exceptions written by people stay. The result must be judged and not inconclusive.
baseline updated(gate_result const&, gate_rules const&);

} // namespace shutdown_repro::repro
