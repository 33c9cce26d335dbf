// The processes of a server, by what /proc said: the one that was started, whoever descends from it, and whoever went away from
// it, whatever he left behind: orphans become our children, and a child that we did not start ourselves is the server's.
// Numbered in the order in which they were seen, and recorded so. In the end nobody of them is left.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "repro/process/guardian.hpp"
#include "repro/process/process_table.hpp"
#include "traces/recorder.hpp"

namespace shutdown_repro::repro {

class process_tree {
public:
    // Children that we have already are nobody's here.
    process_tree(traces::recorder&, traces::nanoseconds& clock);
    ~process_tree(); // kills and reaps; the first one is dead by then
    process_tree(process_tree const&) = delete;

    struct member {
        int pid = 0;
        std::uint64_t started = 0; // with the pid an identity
        traces::ref id;
        std::string name;
        bool gone = false;
        bool reported = false; // as an orphan
    };
    std::string const& mark() const { return guardian_.mark(); } // for the environment of whoever is started
    void root(int pid);                                          // process:1; who started it records that
    void helper(
        int pid); // a child of ours that calls itself no server; what it leaves behind is the server's all the same
    void look();  // who is new, who is gone
    void root_is_gone() { members_.front().gone = true; }
    std::vector<member const*> living() const; // as of the latest look
    void kill(int signal) const;               // everybody who lives, the first one first
    std::size_t not_in(char state) const;      // how many of them are not, by /proc, now: 'T' stopped
    std::size_t report_orphans();              // whoever lives and was not reported; returns how many live

private:
    std::vector<int> adopted() const;
    void add(int pid, traces::ref parent);
    bool knows(int pid, std::uint64_t started) const;
    traces::ref id_of(int pid) const;
    void see_who_is_gone();

    traces::recorder& record_;
    traces::nanoseconds& clock_;
    std::vector<member> members_;
    std::vector<process_row> ours_; // children that are not the server's
    int adopted_before_ = 0;        // whether orphans became our children already
    guardian guardian_;
};

} // namespace shutdown_repro::repro
