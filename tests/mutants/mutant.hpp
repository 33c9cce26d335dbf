// The number of the mutant that the woven servers of this program have; 0, the initial value, means none.
#pragma once

namespace shutdown_repro::mutants {

inline int chosen = 0; // must not change while a server runs
inline bool mutant_is(int number) { return chosen == number; }

} // namespace shutdown_repro::mutants
