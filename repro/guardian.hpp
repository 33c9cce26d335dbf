// Sees to it that nothing of a server outlives its execution, whatever happens to us: a process of its own that waits for our
// end, or for the destructor, and then kills whoever belongs to the server. Those are the processes of the sessions that it was
// told of, and all that have the mark in their environment, so also daemons that went away from both.
#pragma once
#include <string>
#include "repro/child_process.hpp"

namespace shutdown_repro::repro {

class guardian {
public:
    explicit guardian(std::string mark); // "NAME=VALUE", which nobody else has in his environment
    ~guardian();                         // returns when nobody of them is left
    guardian(guardian const&) = delete;
    void guards(int session);

private:
    int pid_ = -1;
    descriptor tell_;
};

} // namespace shutdown_repro::repro
