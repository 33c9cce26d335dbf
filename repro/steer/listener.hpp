// The listener of a seccomp filter: receives the steered calls of all processes under the filter, and answers them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include "repro/process/unique_fd.hpp"

namespace shutdown_repro::repro::steer {

// A system call that waits for an answer. Its number is valid until the thread is killed or the call is answered.
struct notification {
    std::uint64_t id = 0;
    int tid = 0;
    int number = 0;     // of the call
    bool native = true; // false for a call of another ABI: of a 32-bit program, or x32
    std::uint64_t args[6] = {};
};

class listener {
public:
    // Takes the descriptor over.
    explicit listener(unique_fd fd);
    int get() const { return fd_.get(); }

    bool pending() const;                  // whether receive() would return something
    bool unused() const;                   // whether no process is under the filter any more
    std::optional<notification> receive(); // never waits
    bool valid(std::uint64_t id) const;

    // Each returns false when the thread was killed meanwhile.
    bool let_go(std::uint64_t id);                                // the kernel performs the call
    bool answer(std::uint64_t id, std::int64_t value);            // the call returns this value
    bool fail(std::uint64_t id, int error);                       // the call fails with this errno
    bool hand_over(std::uint64_t id, int fd, bool close_on_exec); // the call returns a duplicate of fd

private:
    bool send(std::uint64_t id, std::int64_t value, int error, std::uint32_t flags);
    unique_fd fd_;
};

} // namespace shutdown_repro::repro::steer
