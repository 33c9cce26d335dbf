// What all reports say of a check, in the same words.
#pragma once
#include <string>
#include <vector>
#include "repro/gate/gate.hpp"

namespace shutdown_repro::cli {

// In the style of "gate.json:14"; "" for a check of the bundled suite.
std::string place_of(repro::checked const&);
// The first sentence of why, "" never.
std::string headline_of(repro::checked const&);
bool fails(repro::seen_violation const&); // its check: it is new, or worse than it was
bool in_baseline(repro::seen_violation const&);
// The checks, and behind them one that stands for the entries of the baseline that belong to no check, when there are any.
std::vector<repro::checked> all_of(repro::gate_result const&);
// The lines for people: why, then each violation with who was inside, its witness and how to see it again. Each is one
// printable line, and there are never very many.
std::vector<std::string> told(repro::checked const&);
// The same in one text.
std::string joined(std::vector<std::string> const& lines);
// One printable line of a length that every reader takes.
std::string line_of(std::string_view);

} // namespace shutdown_repro::cli
