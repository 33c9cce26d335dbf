// The live entities of one type, in the order of their numbers. Numbers mostly grow, so appending is the common case;
// closed entries are removed when they are more than half. Once the vectors are large enough nothing is allocated.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace shutdown_repro::traces {

// A set of numbers: one bit each, in words of 64 bits that exist only if they contain a number, so that a single huge
// number costs one word.
class number_set {
public:
    void insert(std::uint32_t number) {
        word* w = find(number / 64);
        if (!w) w = &add(number / 64);
        w->bits |= std::uint64_t{1} << number % 64;
    }
    bool contains(std::uint32_t number) const {
        word const* w = const_cast<number_set*>(this)->find(number / 64);
        return w && (w->bits >> number % 64 & 1);
    }
    void erase(std::uint32_t number) {
        if (word* w = find(number / 64)) w->bits &= ~(std::uint64_t{1} << number % 64);
    }
    void clear() { words_.clear(); }

private:
    struct word {
        std::uint32_t index;
        std::uint64_t bits;
    };
    [[gnu::noinline]] word& add(std::uint32_t index) {
        if (words_.empty() || words_.back().index < index) return words_.emplace_back(word{index, 0});
        return *words_.insert(lower_bound(index), word{index, 0});
    }
    std::vector<word>::iterator lower_bound(std::uint32_t index) {
        return std::lower_bound(
            words_.begin(), words_.end(), index, [](word const& w, std::uint32_t i) { return w.index < i; });
    }
    word* find(std::uint32_t index) {
        if (words_.empty() || index > words_.back().index) return nullptr;
        return index == words_.back().index ? &words_.back() : find_before(index); // nearly always the last
    }
    [[gnu::noinline]] word* find_before(std::uint32_t index) {
        if (index < words_.front().index) return nullptr;
        std::size_t const from_back = words_.back().index - index; // right away when the youngest have no gaps
        if (from_back < words_.size() && words_[words_.size() - 1 - from_back].index == index)
            return &words_[words_.size() - 1 - from_back];
        auto const at = lower_bound(index);
        return at->index == index ? &*at : nullptr;
    }
    std::vector<word> words_;
};

template <class T> class live_set {
    static_assert(std::is_trivially_copyable_v<T>, "elements are moved and dropped without destructors");

public:
    T* find(std::uint32_t number) {
        slot* s = at(number);
        return s && s->live ? &s->data : nullptr;
    }
    T const* find(std::uint32_t number) const { return const_cast<live_set*>(this)->find(number); }

    T& open(std::uint32_t number) { // returns the existing entity if it is already live
        slot* s = at(number);
        if (s && s->live) return s->data;
        if (s) s->data = T{};
        else s = &add(number);
        s->live = true;
        ++live_;
        return s->data;
    }

    void close(std::uint32_t number) {
        slot* s = at(number);
        if (!s || !s->live) return;
        s->live = false;
        closed_.insert(number);
        if (--live_ == 0) slots_.clear();
        else if (count_ > 16 && live_ * 2 < count_) std::erase_if(slots_, [](slot const& x) { return !x.live; });
        else return;
        resized();
    }

    bool was_closed(std::uint32_t number) const { return closed_.contains(number); } // closed earlier in this trace
    // Was closed and not opened again.
    bool is_gone(std::uint32_t number) const { return was_closed(number) && !find(number); }

    template <class F> void each(F&& f) const { // calls f(number, T const&) for the live entities, by number
        for (slot const& s : slots_)
            if (s.live) f(s.number, s.data);
    }
    std::size_t size() const { return live_; }
    void clear() {
        slots_.clear();
        closed_.clear();
        live_ = 0;
        resized();
    }

private:
    struct slot {
        std::uint32_t number = 0;
        bool live = false;
        T data{};
    };
    slot& add(std::uint32_t number) {
        bool const is_youngest = slots_.empty() || slots_.back().number < number;
        slot& s = is_youngest ? slots_.emplace_back() : *slots_.insert(lower_bound(number), slot{});
        s.number = number;
        resized();
        return s;
    }
    auto lower_bound(std::uint32_t number) {
        return std::lower_bound(
            slots_.begin(), slots_.end(), number, [](slot const& s, std::uint32_t n) { return s.number < n; });
    }
    // Called several times for each event: constant time if the youngest numbers have no gaps.
    [[gnu::always_inline]] slot* at(std::uint32_t number) {
        std::uint32_t const from_back = last_ - number;
        if (from_back < count_)
            if (slot& s = slots_[count_ - 1 - from_back]; s.number == number) return &s;
        return number > last_ ? nullptr : search(number);
    }
    [[gnu::noinline]] slot* search(std::uint32_t number) {
        auto const found = lower_bound(number);
        return found != slots_.end() && found->number == number ? &*found : nullptr;
    }
    void resized() {
        count_ = static_cast<std::uint32_t>(slots_.size());
        last_ = count_ ? slots_.back().number : 0;
    }

    std::vector<slot> slots_;
    std::uint32_t count_ = 0, last_ = 0; // of the slots; the number of the last
    number_set closed_;
    std::size_t live_ = 0;
};

} // namespace shutdown_repro::traces
