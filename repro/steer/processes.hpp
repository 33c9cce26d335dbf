// The processes of a steered server: which process a thread belongs to, and its descriptors. Their numbers are those of
// the process tree, in the order in which the processes appeared; thread ids never appear in a name.
#pragma once
#include <map>
#include <string>
#include <vector>
#include "repro/process/unique_fd.hpp"
#include "repro/watch/process_tree.hpp"
#include "traces/event.hpp"

namespace shutdown_repro::repro::steer {

struct process {
    int pid = 0;
    traces::ref id; // process:1
    unique_fd handle = unique_fd();
};

class processes {
public:
    explicit processes(process_tree& tree) : tree_(tree) {}
    process const& of(int tid); // adds the process if it is new
    void forked() { forked_ = true; }
    void update();                           // adds those that were forked, and removes those that have exited
    std::vector<process const*> all() const; // by number
    // Returns a duplicate of a descriptor of that process, or none if it is not open there.
    unique_fd take(process const&, int fd);
    // Returns why a descriptor could not be looked at although it is open; "" when all could be.
    std::string const& trouble() const { return trouble_; }

private:
    process const& add(int pid);
    process_tree& tree_;
    std::map<int, process> by_pid_;
    std::map<int, int> pid_of_thread_;
    bool forked_ = false;
    std::string trouble_;
};

} // namespace shutdown_repro::repro::steer
