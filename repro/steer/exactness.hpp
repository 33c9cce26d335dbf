// How exactly a server repeats an execution: in all its steps, or in those of each connection.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>
#include "traces/trace.hpp"

namespace shutdown_repro::repro::steer {

// The names of all steps of a steered execution, in order. Steps that find nothing are left out: how many there are
// depends on the machine.
std::vector<std::string> named_steps(traces::trace const&);

// Whether the step is one on a connection or the listening socket.
bool is_of_connection(std::string_view step);

class exactness {
public:
    void add(traces::trace const&);
    std::uint64_t executions() const { return executions_; }
    std::uint64_t equal_in_all() const;        // the number of executions with the most frequent sequence of all steps
    std::uint64_t equal_by_connection() const; // the same, with the steps of each connection compared on their own
    std::string in_words() const;              // "all steps equal in 20 of 20 executions"; "" for one execution

private:
    std::uint64_t executions_ = 0;
    std::map<std::string, std::uint64_t> all_, by_connection_;
};

} // namespace shutdown_repro::repro::steer
