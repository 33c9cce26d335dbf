// Sees to it that nothing of a server outlives its execution even if we are killed: a process of its own that waits for our end,
// or for the destructor, and then kills whoever belongs to the server. Those are the processes that it was told of, all that
// have the mark in their environment, and whoever descends from one of them or shares a session with one.
//
// The limit: a process that left its parent, its session and its environment behind in the moment before we were killed, so that
// nobody could be told of it (process_tree looks fifty times a second).
#pragma once
#include <string>
#include "repro/process/child_process.hpp"
#include "repro/process/process_table.hpp"

namespace shutdown_repro::repro {

class guardian {
public:
    guardian();
    ~guardian(); // returns when nobody of them is left
    guardian(guardian const&) = delete;
    std::string const& mark() const { return mark_; } // "NAME=VALUE", which nobody else has in his environment
    void guards(process_row const&);

private:
    std::string const mark_;
    int pid_ = -1;
    descriptor tell_;
};

} // namespace shutdown_repro::repro
