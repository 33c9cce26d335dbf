// What exporters share: when an event happened so that order survives, and which event caused it.
#pragma once
#include <algorithm>
#include <vector>
#include "traces/event.hpp"
#include "traces/views/text.hpp"

namespace shutdown_repro::traces {

// Nanoseconds since a moment before the first event. Many events of a simulated trace share a time, and those of a
// joined trace may go back: here each is at least `step` after the one before it.
class strict_clock {
public:
    static constexpr nanoseconds step = 4;

    // Times later than that are put as close as they may be: what reads them has only so many digits.
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

// What is remembered of each event, by its number. A number that goes back is not remembered.
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
