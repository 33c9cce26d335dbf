// What the kernel says of all processes of this machine: who was forked, and how each ended (the process connector,
// linux/cn_proc.h). It also tells of processes that live too briefly to be seen in /proc. It needs privileges, and the
// initial namespaces; without them there are no events, and no error.
#pragma once
#include <functional>
#include "repro/process/child_process.hpp"

namespace shutdown_repro::repro {

class process_events {
public:
    process_events();

    struct event {
        bool exited = false;     // else it was forked
        int pid = 0, parent = 0; // parent: of a fork
        int wait_status = 0;     // of an exit, as wait(2) returns it
    };
    // Calls `tell` with the events since the last call, in their order. The kernel drops events when too many wait.
    void take(std::function<void(event const&)> const& tell);

private:
    unique_fd socket_;
};

} // namespace shutdown_repro::repro
