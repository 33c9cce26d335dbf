// What /proc says of processes. A process that is gone, or that we may not look into, has nothing to say: no error.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shutdown_repro::repro {

struct process_row {
    int pid = 0, parent = 0, session = 0;
    char state = 0;            // R running, S asleep, T stopped, Z dead and not reaped …
    std::uint64_t started = 0; // ticks since boot: with the pid an identity
    std::string name;
};
std::optional<process_row> find_process(int pid);
std::vector<int> all_processes();
std::vector<int> children_of(int pid);    // of all its threads
std::vector<int> descendants_of(int pid); // without itself, parents before their children

// What it does with a signal.
struct signal_disposition {
    bool caught = false, ignored = false, blocked = false;
};
signal_disposition disposition_of(int pid, int signal);

struct open_files {
    std::size_t count = 0;
    std::vector<std::uint64_t> sockets; // inodes
};
open_files files_of(int pid);

// Whether "NAME=VALUE" is in the environment that it was started with.
bool has_environment(int pid, std::string_view entry);

} // namespace shutdown_repro::repro
