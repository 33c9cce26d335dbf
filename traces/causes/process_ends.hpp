// What the end of a process meant for the requests that were open when the server was stopped.
#pragma once
#include <string>
#include <unordered_map>
#include <unordered_set>
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

class process_ends {
public:
    void note(event const&); // each event of the trace, in order
    // "17 ms after the stop, when 20 of the 20 requests that were open at the stop had no complete response"; "" for an
    // event that is no exit after a stop.
    std::string in_words(seq_t) const;

private:
    bool stopped_ = false;
    nanoseconds stopped_at_ = 0;
    std::unordered_set<ref> open_; // requests that were sent; from the stop on, those that were open then
    std::size_t were_open_ = 0, answered_ = 0;
    std::unordered_map<seq_t, std::string> words_;
};

} // namespace shutdown_repro::traces
