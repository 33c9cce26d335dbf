// Ensures that no process of a server outlives its execution, even if this process is killed. The guardian is a process
// of its own that waits until this process ends or the destructor runs, and then kills all processes of the server:
// those registered by guards(), those with the mark in their environment, and their descendants and session members.
// It also removes the folder of temporary files, whatever signal ended this process.
//
// It misses a process that left its parent, its session and its environment just before this process was killed, so
// that process_tree, which looks fifty times a second, did not see it.
#pragma once
#include <string>
#include "repro/process/child_process.hpp"
#include "repro/watch/process_table.hpp"

namespace shutdown_repro::repro {

class guardian {
public:
    explicit guardian(std::string folder = {}); // "" for no folder
    ~guardian();                                // returns when none of the processes is left
    guardian(guardian const&) = delete;
    std::string const& mark() const { return mark_; } // "NAME=VALUE", unique to the environment of this server
    void guards(process_row const&);
    // Gives it a duplicate of the listener of a seccomp filter. As long as it is open, the system calls of a filtered
    // process wait instead of failing when this process has been killed, and the guardian kills each process that makes
    // one. It ends when none of them is left.
    void holds(int listener);

private:
    std::string const mark_, folder_;
    int pid_ = -1;
    unique_fd tell_;
};

} // namespace shutdown_repro::repro
