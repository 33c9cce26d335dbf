// What a thread of a steered process does, according to /proc: whether it sleeps, and which signals it has.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include "repro/steer/processes.hpp"

namespace shutdown_repro::repro::steer {

struct thread_state {
    char state = 0;                    // R running, S sleeping, D in the kernel, T stopped, Z zombie
    std::uint64_t switches = 0;        // how often it went to sleep so far
    std::uint64_t own = 0, shared = 0; // pending signals of the thread, and of its process: bit N-1 is signal N
    std::uint64_t blocked = 0;
    bool asleep() const { return state != 'R' && state != 'D'; }
};
std::optional<thread_state> state_of_thread(int pid, int tid); // nothing when it has exited

// Looks twice at all threads: the server is quiet when each of them sleeps in both looks and has not run in between.
class quiet_look {
public:
    // `parked`: the threads that wait for our answer; they are not looked at.
    bool both_quiet(processes&, std::set<int> const& parked);
    std::string const& busy() const { return busy_; } // the thread that was not asleep, for people

private:
    bool look(processes&, std::set<int> const& parked, std::map<int, std::uint64_t>& switches);
    std::string busy_;
};

// Returns the name of a system call in which a thread sleeps that is neither parked nor known to be of no interest:
// what wakes it is not steered. "" if there is none.
std::string unknown_wait(processes const&, std::set<int> const& parked);

} // namespace shutdown_repro::repro::steer
