// Used by the exporters: times that keep the order of the events, and data of each event by its number.
#pragma once
#include <algorithm>
#include <vector>
#include "traces/event.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {

// Gives each event a time in nanoseconds, counted from shortly before the first event, at least `step` after the time
// of the event before it. In a simulated trace many events have the same time, and in a joined trace times may go back.
class strict_clock {
public:
    static constexpr nanoseconds step = 4;

    // Later times than `latest` are moved to it, one `step` apart, because the reading tool has a limited number of
    // digits.
    explicit strict_clock(nanoseconds latest) : latest_(latest) {}
    nanoseconds at(event const& e) {
        if (!started_) start_ = e.t;
        started_ = true;
        return now_ = std::max(now_ + step, std::clamp(elapsed(start_, e.t), nanoseconds{0}, latest_));
    }
    nanoseconds now() const { return now_; }
    nanoseconds start() const { return start_; }

private:
    nanoseconds latest_, start_ = 0, now_ = 1 - step;
    bool started_ = false;
};

// Data of each event, by the number of the event. An event whose number is not larger than all before it is not stored.
template <class Data> class by_number {
public:
    void add(seq_t seq, Data const& data) {
        if (all_.empty() || seq > all_.back().first) all_.emplace_back(seq, data);
    }
    Data const* find(seq_t seq) const {
        auto const at =
            std::lower_bound(all_.begin(), all_.end(), seq, [](auto const& a, seq_t s) { return a.first < s; });
        return at != all_.end() && at->first == seq ? &at->second : nullptr;
    }

private:
    std::vector<std::pair<seq_t, Data>> all_;
};

} // namespace shutdown_repro::traces
