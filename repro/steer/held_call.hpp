// A system call of the server that waits for our answer.
#pragma once
#include <memory>
#include "repro/process/unique_fd.hpp"
#include "repro/steer/calls.hpp"
#include "repro/steer/endpoints.hpp"
#include "repro/steer/listener.hpp"
#include "repro/steer/parked_wait.hpp"

namespace shutdown_repro::repro::steer {

struct held_call {
    notification asked;
    call_kind kind = call_kind::read;
    int pid = 0;
    traces::ref process = {};               // process:1
    endpoint on = {};                       // of I/O
    unique_fd blocks_on = unique_fd();      // of an accept or a read that would block: it happens when this is readable
    std::unique_ptr<parked_wait> wait = {}; // of a wait
    int socket_error = 0;                   // the pending error of the socket, which looking at it has taken
    // What the kernel would hold only during the call is closed before the call goes on: a duplicate of ours would keep
    // a connection open that the server closes.
    void drop_descriptors() {
        blocks_on.close();
        wait.reset();
    }
};

} // namespace shutdown_repro::repro::steer
