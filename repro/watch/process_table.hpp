// Reads /proc. A process that has exited, or that this user may not inspect, gives empty results, not an error.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shutdown_repro::repro {

struct process_row {
    int pid = 0, parent = 0, group = 0, session = 0;
    char state = 0;            // R running, S sleeping, T stopped, Z zombie, X dead
    std::uint64_t started = 0; // ticks since boot; together with the pid it identifies the process
    int exit_code = 0;         // of a zombie, as wait(2) returns it; 0 if this user may not know it
    std::string name;
};
std::optional<process_row> find_process(int pid);
// Throws input_error when /proc can't be read: it shows the sockets of a server, and its processes.
void need_proc();
std::vector<int> all_processes();
std::vector<int> children_of(int pid);    // the children of all its threads
std::vector<int> descendants_of(int pid); // without the process itself; parents come before their children

// Whether it is process 1 of a PID namespace below ours.
bool is_first_of_namespace(int pid);

// How a process handles a signal, at this moment.
struct signal_disposition {
    bool caught = false, ignored = false; // by its handler
    bool blocked = false;                 // in every thread
    bool awaited = false; // blocked, and a thread waits for it (sigwait, sigtimedwait), or a signalfd takes it
    bool handled() const { return awaited || (caught && !ignored && !blocked); }
};
signal_disposition disposition_of(int pid, int signal);

struct open_files {
    std::size_t count = 0;
    std::vector<std::uint64_t> sockets; // inodes
};
open_files files_of(int pid);

// Returns what the process executes now: a text that differs after each execve(2), at least where the kernel places
// programs at random addresses; "" if it is not known.
std::string image_of(int pid);

// Returns whether the process was started with "NAME=VALUE" in its environment.
bool has_environment(int pid, std::string_view entry);

} // namespace shutdown_repro::repro
