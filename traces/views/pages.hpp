// The views that need two looks at a trace and not the whole of it at once: every event is surveyed, then every event is asked for
// its row. Memory is in who appears, not in how much happens. The violations are viewed.
#pragma once
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include "traces/views/cast.hpp"
#include "traces/views/rows.hpp"

namespace shutdown_repro::traces {

class timeline_page {
public:
    explicit timeline_page(look l) : look_(l), page_(l) {}
    // `shown` says whether the event will have a row. A lane is drawn for whoever stands in one.
    void survey(event const&, bool shown);
    // Once between the survey and the rows: legend and heads of the lanes, nothing when they do not fit.
    std::string heading(std::span<violation const>);
    std::string row(event const&, bool shown); // of every event again, also of those without a row
    bool empty() const { return !any_; }

private:
    bool fit_lanes(std::size_t room);
    std::string legend() const;
    std::string heads() const;
    std::string lanes(event const&, bool broken) const;

    look look_;
    rows page_;
    cast cast_;
    std::unordered_set<ref> in_rows_;
    std::vector<member> who_; // of each lane
    std::unordered_map<ref, std::size_t> lane_;
    std::size_t surveyed_ = 0, at_ = 0, gap_ = 1, width_ = 0;
    bool any_ = false, drawn_ = false;
};

class follow_page {
public:
    follow_page(ref id, look l) : id_(id), look_(l), page_(l) {}
    void start(event const& first) { page_.start(first); }
    void survey(event const&);
    std::string row(event const&, bool shown = true); // of every event again
    bool empty() const { return !any_; }

private:
    ref id_;
    look look_;
    rows page_;
    bool any_ = false;
    std::set<seq_t> causes_;
    std::map<seq_t, std::string> told_; // what each cause was
};

} // namespace shutdown_repro::traces
