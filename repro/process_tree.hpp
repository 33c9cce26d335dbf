// The processes of a server, by what /proc said: the one that was started, whoever descends from it, and whoever went away from
// it but has the mark in his environment. Numbered in the order in which they were seen, and recorded so.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "repro/process_table.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::repro {

class process_tree {
public:
    // Orphans become our children from now on, so that they are found and reaped.
    process_tree(traces::recorder&, traces::nanoseconds& clock, std::string mark);
    ~process_tree(); // reaps those of them that are dead

    struct member {
        int pid = 0;
        std::uint64_t started = 0; // with the pid an identity
        traces::ref id;
        std::string name;
        bool gone = false;
        bool reported = false;     // as an orphan
    };
    void root(int pid);     // process:1; who started it records that
    void look();            // who is new, who is gone
    void root_is_gone() { members_.front().gone = true; }
    std::vector<member const*> living() const; // as of the latest look
    void kill(int signal) const;               // everybody who lives, the first one first
    bool all_are(char state) const;            // by /proc, now: 'T' stopped
    void report_orphans();                     // whoever lives and was not reported

private:
    void add(int pid, traces::ref parent);
    bool knows(int pid, std::uint64_t started) const;
    traces::ref id_of(int pid) const;
    void see_who_is_gone();

    traces::recorder& record_;
    traces::nanoseconds& clock_;
    std::string const mark_;
    std::vector<member> members_;
};

} // namespace shutdown_repro::repro
