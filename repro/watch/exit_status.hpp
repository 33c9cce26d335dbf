// How a process ended that another process reaps: its parent, which tells nobody.
#pragma once
#include <optional>
#include "repro/process/child_process.hpp"
#include "repro/watch/process_table.hpp"

namespace shutdown_repro::repro {

// How a process ended, from its status as wait(2) returns it.
process_end end_of_status(int wait_status);

// A descriptor of a process that is not a child of this one, or none when it has exited or its number was reused.
unique_fd open_process(process_row const&);

// Returns how a process ended that its parent has reaped, or nothing when the kernel does not keep that: before Linux
// 6.15 it doesn't. The descriptor must have been opened before the process exited.
std::optional<process_end> end_of_reaped(unique_fd const& process);

// Returns how a process ended that its parent has not reaped yet, or nothing when this user may not know.
std::optional<process_end> end_of_zombie(process_row const&);

} // namespace shutdown_repro::repro
