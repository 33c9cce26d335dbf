// A child process that can't outlive us: started with everything reset that we may have inherited, killed and reaped at the
// latest by the destructor, killed by the kernel when we die.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace shutdown_repro::repro {

// Owns a descriptor.
class descriptor {
public:
    explicit descriptor(int fd = -1) : fd_(fd) {}
    descriptor(descriptor&& from) noexcept : fd_(std::exchange(from.fd_, -1)) {}
    descriptor& operator=(descriptor&& from) noexcept {
        std::swap(fd_, from.fd_);
        return *this;
    }
    ~descriptor() { close(); }
    void close();
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }

private:
    int fd_;
};

// How a process ended: one of the two.
struct process_end {
    std::optional<int> status;
    int signal = 0;
};
std::string signal_name(int signal); // "SIGABRT"

struct launch {
    std::string path;
    std::vector<std::string> arguments;
    std::vector<std::string> environment = {}; // KEY=VALUE, beside ours or instead of it
    bool speaks = false; // notes() is its stdout; else that is /dev/null, and notes() is its note_fd
};

class child_process {
public:
    // Runs the executable at `path` in a session of its own (a terminal's Ctrl-C is ours, not the child's), stdin and
    // stdout /dev/null, stderr and descriptor `note_fd` pipes to us, no other descriptor of ours, signals unblocked and at
    // their defaults. Throws input_error when it can't be executed.
    child_process(std::string const& path, std::vector<std::string> const& arguments)
        : child_process(launch{path, arguments}) {}
    explicit child_process(launch const&);
    ~child_process();
    child_process(child_process const&) = delete;
    static constexpr int note_fd = 3;

    int pid() const { return pid_; }
    int pidfd() const { return pidfd_.get(); }   // readable once it has ended
    int errors() const { return errors_.get(); } // its stderr, non-blocking
    int notes() const { return notes_.get(); }   // what it writes to note_fd, non-blocking
    void kill(int signal);                       // nothing once it was reaped
    // Nothing while it runs.
    std::optional<process_end> reap();

private:
    void end_it();
    int pid_ = -1;
    bool reaped_ = false;
    descriptor pidfd_, errors_, notes_;
};

} // namespace shutdown_repro::repro
