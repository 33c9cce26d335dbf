// Rows of events, as timeline, follow and watch share them: mark, time, number, then the words.
#pragma once
#include <map>
#include <set>
#include <span>
#include <string>
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"
#include "traces/views/text.hpp"

namespace shutdown_repro::traces {

class rows {
public:
    explicit rows(text_style);
    // Before any row: every event that will have one, for the widths of the columns, and once the first of the trace,
    // for the time to count from.
    void start(event const& first) { start_ = first.t; }
    void measure(event const&);
    void mark(std::span<violation const>); // views them

    std::size_t indent() const { return 2 + time_ + 1 + seq_ + 2; } // columns of the gutter
    // Mark (✗ a violation, › an event that shows one), milliseconds since the first event, number.
    std::string gutter(event const&) const;
    bool breaks(event const& e) const { return at_.contains(e.seq); }
    // In what is left of the line after `used` columns.
    std::string words(event const&, std::size_t used) const;
    std::string kind_and_words(event const&) const;
    // A line for each violation of this event, or nothing.
    std::string broken_here(event const&) const;
    std::string broken(violation const&) const; // that line

private:
    text_style style_;
    nanoseconds start_ = 0;
    std::size_t time_ = 0, seq_ = 0, kind_ = 0; // widths
    std::multimap<seq_t, violation const*> at_;
    std::set<seq_t> witness_;
};

} // namespace shutdown_repro::traces
