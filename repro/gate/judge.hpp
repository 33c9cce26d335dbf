// From what the trials of checks saw to what it means: a pure function of the counts, what was expected, the baseline and the
// day. So counts that were made apart can be added up and judged together.
//
// What is exact is judged exactly: one execution decides. What is a sample is judged by intervals (wilson.hpp):
//   a new violation fails however rarely it was seen, for it happened; one whose exception has expired is new;
//   a known one fails when it is worse, that is when the interval of now lies above the baseline's;
//   a known one is fixed, which makes the baseline stale, after as many clean trials as its rate asks for;
//   a reproducer is content with one trial that violates, and has failed after as many that don't as the baseline's rate asks
//   for, or, without a baseline, as one that shows in every tenth trial would.
// What could not be seen to its end is inconclusive, never clean.
//
// A shard fails for what fails whatever the others saw, a new violation, and is inconclusive where it could not see. All else
// follows from the counts of all, and is said when they are merged.
#pragma once
#include <string>
#include <vector>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::repro {

// What a check whose number of trials is open goes on for, and with how many trials at most: what a reproducer expects, else
// what the baseline knows, as far as a hundred clean trials can say that it is gone.
struct awaited {
    struct violation {
        std::string rule, fingerprint;
    }; // fingerprint "": any
    std::vector<violation> all;
    std::uint64_t most_trials = 0;
};
awaited await(baseline const&, std::string const& check, expectation const&);

// Fills in what came of each check, why, and how each violation stands; gate_result::stale.
void judge(gate_result&, gate_rules const&);

// The baseline that this result leads to: what it saw is known from now on, what it proved gone is out, and what it did not look
// at stays, as does all that people wrote. Of a judged result that is not inconclusive.
baseline updated(gate_result const&, gate_rules const&);

} // namespace shutdown_repro::repro
