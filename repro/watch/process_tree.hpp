// The processes of a server, according to /proc: the process that was started, its descendants, and those that detached
// from it. Orphans become children of this process (it is a subreaper), and a child that it did not start belongs to
// the server. Processes are numbered and recorded in the order in which they were seen. The destructor leaves none of
// them.
//
// How a process ended is known of those that this process reaps, of those whose end the kernel reports (process_events)
// or keeps (exit_status.hpp), and of those that their parent has not reaped yet. Of others it is recorded that they
// have exited, and unknown_end() says so.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>
#include "repro/watch/exit_status.hpp"
#include "repro/watch/guardian.hpp"
#include "repro/watch/process_events.hpp"
#include "repro/watch/process_table.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::repro {

class process_tree {
public:
    // Children that this process already has do not belong to the tree. The guardian removes `folder`; "" for none.
    process_tree(traces::recorder&, traces::nanoseconds& clock, std::string folder = {});
    ~process_tree(); // kills and reaps the descendants; the first process must have been reaped
    process_tree(process_tree const&) = delete;

    struct member {
        int pid = 0;
        std::uint64_t started = 0; // together with the pid it identifies the process
        traces::ref id;
        std::string name;
        bool gone = false;
        bool reported = false;               // was recorded as an orphan
        unique_fd handle = unique_fd();      // of a process that is not a child of this one
        std::optional<process_end> end = {}; // as soon as it is known; nothing for process:1
    };
    std::string const& mark() const { return guardian_.mark(); } // goes into the environment of every started process
    void root(int pid);                                          // adds process:1; the caller records its start
    void helper(
        int pid);  // excludes a child of this process from the tree; the processes that it leaves still belong to it
    void update(); // records new processes and those that have exited
    void hold(int listener) { guardian_.holds(listener); } // see guardian.hpp
    void root_is_gone() { members_.front().gone = true; }
    std::vector<member const*> living() const; // as of the latest update()
    void kill(int signal) const;               // signals all living processes, process:1 first
    std::size_t not_in(char state) const; // number of living processes not in this state now, such as 'T' (stopped)
    std::size_t report_orphans();         // records living orphans not recorded yet; returns the number of living ones
    // Returns which process ended in a way that is not known, and why; "" when all are known.
    std::string unknown_end() const;
    std::function<void()> before_exits; // called when processes have exited and this is not recorded yet

private:
    std::vector<int> adopted() const;
    void add(process_row const&, traces::ref parent);
    void hear_events();
    void on_fork(int pid, int parent);
    void on_exit(int pid, int wait_status);
    member* find(int pid);
    static std::optional<process_end> how_it_ended(member const&, std::optional<process_row> const&);
    bool knows(int pid, std::uint64_t started) const;
    traces::ref id_of(int pid) const;
    void see_who_is_gone();
    void record_exit(member&);
    static bool is_gone(member const&);

    traces::recorder& record_;
    traces::nanoseconds& clock_;
    // A process that was forked and was gone when its event was read. It is recorded only if a signal ended it: most
    // are helpers of scripts.
    struct brief_process {
        int pid;
        std::string name;
        traces::ref above; // the recorded process that it descends from
    };
    process_events events_;
    std::vector<brief_process> brief_;
    std::vector<member> members_;
    std::vector<process_row> ours_; // children that do not belong to the server
    int adopted_before_ = 0;        // whether this process was a subreaper before
    guardian guardian_;
};

} // namespace shutdown_repro::repro
