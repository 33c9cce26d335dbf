// What can happen next when a server is quiet, in an order that depends on names only, never on what came first.
#pragma once
#include <map>
#include <string>
#include <vector>
#include "repro/steer/supervisor.hpp"

namespace shutdown_repro::repro::steer {

struct possible_step {
    held_call* call = nullptr;
    std::vector<ready_event> events = {}; // that a wait is told of
    std::string label = {};               // "client:1.read", "process:1 is told of client:1+in client:2+in"
};

// Remembers which waits were told in vain: a process can have several threads wait for a pipe that only one of them
// empties, and that one must get its turn.
class step_order {
public:
    // The first is the default. A timeout is possible only when nothing else is: how late it comes depends on the
    // machine alone.
    std::vector<possible_step> possible(supervisor&);
    void took(possible_step const&);

private:
    std::map<int, std::uint64_t> in_vain_; // by thread
    std::uint64_t told_in_vain_ = 0;
};

} // namespace shutdown_repro::repro::steer
