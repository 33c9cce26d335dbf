// A child process that can't outlive this process. It starts with inherited signal state reset. The destructor kills
// and reaps it, and the kernel kills it when this process dies.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "repro/process/unique_fd.hpp"

namespace shutdown_repro::repro {

// How a process ended: with an exit status, or killed by a signal.
struct process_end {
    std::optional<int> status;
    int signal = 0; // 0 if it exited
};
std::string signal_name(int signal); // "SIGABRT"

// What a caller adds between fork and exec.
class before_exec {
public:
    // Called in the child; async-signal-safe calls only. Returns what failed, with errno set, or null.
    virtual char const* in_child() = 0;
    // Called in the parent while the child is in in_child(). If it throws, the child is killed.
    virtual void in_parent(int pid) = 0;
    // Called in the child when the program can't be executed; does not return.
    [[noreturn]] virtual void not_executed(int why) = 0;

protected:
    ~before_exec() = default;
};

struct launch {
    std::string path;
    std::vector<std::string> arguments;
    std::vector<std::string> environment =
        {};              // KEY=VALUE; added to the environment of this process, or replacing entries
    bool speaks = false; // true: notes() reads its stdout; false: stdout is /dev/null, and notes() reads its note_fd
    bool pid1 = false;   // process 1 of a PID namespace of its own, with its own /proc
    int hand_over = -1;  // a descriptor that the process gets as number 3, if it speaks; -1 for none
    before_exec* hook = nullptr; // not owned; null for none
};

class child_process {
public:
    // Runs the executable at `path` in a session of its own, so that Ctrl-C on the terminal does not reach it. Its
    // stdin and stdout are /dev/null; stderr and descriptor `note_fd` are pipes to this process; it inherits no other
    // descriptor. Signals are unblocked and have their default action. Throws input_error when it can't be executed, or
    // when this user may not make its PID namespace.
    child_process(std::string const& path, std::vector<std::string> const& arguments)
        : child_process(launch{path, arguments}) {}
    explicit child_process(launch const&);
    ~child_process();
    child_process(child_process const&) = delete;
    static constexpr int note_fd = 3;
    // An entry of the environment after which the pid of the child is written: sd_listen_fds(3) asks for it.
    static constexpr std::string_view listen_pid = "LISTEN_PID=";

    int pid() const { return pid_; }
    int pidfd() const { return pidfd_.get(); }   // readable once it has exited
    int errors() const { return errors_.get(); } // its stderr, non-blocking
    int notes() const { return notes_.get(); }   // its note_fd or stdout, non-blocking
    void kill(int signal);                       // does nothing once it was reaped
    void give_away() { reaped_ = true; }         // from now on somebody else kills and reaps it
    // Reaps the process and returns how it ended, or nothing while it runs.
    std::optional<process_end> reap();

private:
    void run_in_parent(before_exec&);
    void end_it();
    int pid_ = -1;
    bool reaped_ = false;
    unique_fd pidfd_, errors_, notes_;
};

} // namespace shutdown_repro::repro
