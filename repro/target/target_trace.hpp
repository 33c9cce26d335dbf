// What a target wrote about itself: the file that it was given and, when it has several processes, theirs beside it.
#pragma once
#include <string>
#include "traces/trace.hpp"

namespace shutdown_repro::repro {

// The files of the processes as one trace: merged by time, renumbered, the entities of each process told apart. It has no
// footer; that the files have none is no problem. All that is wrong with them is: no file, garbage, a torn last line.
// Beside another trace they are told apart from that one's, too; what clients within the target saw is left out then, as it is
// the other's clients that are asked about.
traces::trace read_target_trace(std::string const& path, traces::trace const* beside = nullptr);

// What we saw of a target, and what it wrote about itself: joined, with the groups of facts that it records.
traces::trace with_target_trace(std::string const& path, traces::trace const& seen);

} // namespace shutdown_repro::repro
