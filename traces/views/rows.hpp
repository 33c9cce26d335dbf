// Rows of events, as timeline, follow and explain share them: mark, time, number, then the words.
#pragma once
#include <map>
#include <span>
#include <string>
#include "traces/rule.hpp"
#include "traces/trace.hpp"
#include "traces/views/text.hpp"

namespace shutdown_repro::traces {

class rows {
public:
    // Views all three.
    rows(trace const&, std::span<violation const>, look);

    std::size_t indent() const { return 2 + time_ + 1 + seq_ + 2; } // columns of the gutter
    // Mark (✗ a violation, › an event that shows one), milliseconds since the first event, number.
    std::string gutter(event const&) const;
    bool breaks(event const& e) const { return at_.contains(e.seq); }
    // In what is left of the line after `used` columns.
    std::string words(event const&, std::size_t used) const;
    std::string kind_and_words(event const&) const;
    // A line for each violation of this event, or nothing.
    std::string broken_here(event const&) const;

private:
    look look_;
    nanoseconds start_ = 0;
    std::size_t time_ = 0, seq_ = 0, kind_ = 0; // widths
    std::multimap<seq_t, violation const*> at_;
    std::map<seq_t, bool> witness_;
};

} // namespace shutdown_repro::traces
