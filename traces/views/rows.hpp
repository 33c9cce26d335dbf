// Formats the rows of events in timeline, follow and watch: mark, time, number, words.
#pragma once
#include <map>
#include <set>
#include <span>
#include <string>
#include "traces/phrases/text.hpp"
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

class rows {
public:
    explicit rows(text_style);
    // Before the first row: call start() with the first event of the trace, from which times count, and measure() with
    // every event that will have a row, for the widths of the columns.
    void start(event const& first) { start_ = first.t; }
    void measure(event const&);
    void mark(std::span<violation const>); // views the violations

    std::size_t indent() const { return 2 + time_ + 1 + seq_ + 2; } // width of the gutter
    // Returns the mark (✗ for a violation, › for a witness), milliseconds since the first event, and number.
    std::string gutter(event const&) const;
    bool breaks(event const& e) const { return at_.contains(e.seq); }
    // Describes the event in the rest of a line of which `used` columns are taken.
    std::string words(event const&, std::size_t used) const;
    std::string kind_and_words(event const&) const;
    // Returns a line for each violation at this event.
    std::string broken_here(event const&) const;
    std::string broken(violation const&) const; // one such line

private:
    text_style style_;
    nanoseconds start_ = 0;
    std::size_t time_ = 0, seq_ = 0, kind_ = 0; // widths
    std::multimap<seq_t, violation const*> at_;
    std::set<seq_t> witness_;
};

} // namespace shutdown_repro::traces
