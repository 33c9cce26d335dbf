// Armed timers, ordered by deadline; timers with the same deadline are ordered by arming. It is a binary heap whose
// timers know their slot, so that arming and canceling takes logarithmic time and allocates nothing per timer.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>
#include "server_under_test/worlds/world.hpp"

namespace shutdown_repro::server {

class timer_heap {
public:
    bool empty() const { return entries_.empty(); }
    traces::nanoseconds next_due() const { return entries_.front().due; }

    void arm(timer& t, traces::nanoseconds due) {
        cancel(t);
        t.due = due;
        t.armed = true;
        entries_.push_back({due, armed_so_far_++, &t});
        t.slot = entries_.size() - 1;
        rise(t.slot);
    }

    void cancel(timer& t) {
        if (!t.armed) return;
        t.armed = false;
        std::size_t const hole = t.slot;
        entry const last = entries_.back();
        entries_.pop_back();
        if (hole == entries_.size()) return;
        put(hole, last);
        rise(hole);
        sink(hole);
    }

    void clear() {
        for (entry const& e : entries_) e.owner->armed = false;
        entries_.clear();
        armed_so_far_ = 0;
    }

    timer& take_next() {
        timer& t = *entries_.front().owner;
        cancel(t);
        return t;
    }

private:
    struct entry {
        traces::nanoseconds due;
        std::uint64_t order;
        timer* owner;
        friend bool operator<(entry const& a, entry const& b) {
            return a.due != b.due ? a.due < b.due : a.order < b.order;
        }
    };

    void put(std::size_t at, entry const& e) {
        entries_[at] = e;
        e.owner->slot = at;
    }
    void exchange(std::size_t a, std::size_t b) {
        entry const was_a = entries_[a];
        put(a, entries_[b]);
        put(b, was_a);
    }
    void rise(std::size_t at) {
        for (std::size_t above; at && entries_[at] < entries_[above = (at - 1) / 2]; at = above) exchange(at, above);
    }
    void sink(std::size_t at) {
        for (;;) {
            std::size_t least = at;
            for (std::size_t below : {2 * at + 1, 2 * at + 2})
                if (below < entries_.size() && entries_[below] < entries_[least]) least = below;
            if (least == at) return;
            exchange(at, least);
            at = least;
        }
    }

    std::vector<entry> entries_;
    std::uint64_t armed_so_far_ = 0;
};

} // namespace shutdown_repro::server
