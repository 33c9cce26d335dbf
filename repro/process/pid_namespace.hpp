// A PID namespace, as a container has one: its first process is process 1. Signals for which that process has no
// handler are discarded, orphans become its children, and the kernel kills all other processes of the namespace with
// it.
#pragma once
#include <string>

namespace shutdown_repro::repro {

class pid_namespace {
public:
    pid_namespace(); // reads the ids of this user, which the child can't
    // As fork(2), and the child is process 1 of a new namespace. Without the right to make one it tries a user
    // namespace of this user. Returns -1 and sets errno when that isn't allowed either.
    int fork();
    // In the child, before exec: mounts a /proc that shows this namespace only. Uses async-signal-safe calls only.
    // Returns what failed, with errno set, or a null pointer.
    char const* enter() const;

private:
    bool of_user_ = false;
    std::string const users_, groups_; // lines for uid_map and gid_map
};

} // namespace shutdown_repro::repro
