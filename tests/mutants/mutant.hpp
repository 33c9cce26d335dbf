// Which of the mutants the woven servers of this program are; 0, as at the start, is none: they are as they were written.
#pragma once

namespace shutdown_repro::mutants {

inline int chosen = 0; // not while a server runs
inline bool mutant_is(int number) { return chosen == number; }

} // namespace shutdown_repro::mutants
