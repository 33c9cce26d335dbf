// Records the facts of a server, a client or the runner: adds number, time, actor and causes to each fact, and passes
// it to one sink. The recorder never judges.
//
// Actor and causes are dynamic scopes, set by the guards `acting` and `because_of`: the events of a nested operation
// point to the operation that contains it. `inspect --explain` follows exactly these links.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <utility>
#include "traces/event.hpp"

namespace shutdown_repro::traces {

class recorder {
    struct causes {  // in ascending order
        seq_t at[4]; // not initialized, because only the first `count` are read
        std::size_t count;
        explicit causes(seq_t s) : count(s != no_seq) { at[0] = s; }
        causes(causes const& others, seq_t s) : count(others.count) {
            std::copy_n(others.at, count, at);
            add(s);
        }
        void add(seq_t s) {
            seq_t* const end = at + count;
            seq_t* const place = std::lower_bound(at, end, s);
            if (s == no_seq || count == std::size(at) || (place != end && *place == s)) return;
            std::copy_backward(place, end, end + 1);
            *place = s;
            ++count;
        }
    };

public:
    // Reads `clock` at each event. The clock and the sink must outlive the recorder.
    recorder(sink& to, nanoseconds const& clock) : to_(&to), clock_(&clock) {}
    recorder(recorder const&) = delete;
    void record_to(sink& to) { to_ = &to; }

    // Records one fact and returns its number; no_seq if muted.
    seq_t emit(kind what, ref id, ref parent = {}, std::initializer_list<field> detail = {}) {
        return emit(what, id, parent, std::span<field const>(detail.begin(), detail.size()));
    }
    seq_t emit(kind what, ref id, ref parent, std::span<field const> detail) {
        if (muted_) return no_seq;
        seq_t const seq = next_++;
        to_->put(event(seq, *clock_, what, id, parent, actor_, {cause_->at, cause_->count}, detail));
        return seq;
    }

    // Skips a fact that the sink does not need, so that the following ones keep their numbers.
    void leave_out() { next_ += !muted_; }

    ref fresh(entity type) { return {type, ++last_id_[static_cast<std::size_t>(type)]}; }
    ref actor() const { return actor_; }
    seq_t cause() const { return cause_->count ? cause_->at[cause_->count - 1] : no_seq; } // the latest
    seq_t next() const { return next_; }

    // Restores the initial state; numbers begin at 0 again.
    void reset() {
        next_ = 0;
        cause_ = &none_;
        actor_ = {};
        muted_ = false;
        for (std::uint32_t& n : last_id_) n = 0;
    }

    // Mutes the recorder: a process that has died records nothing (see world::die).
    void mute() { muted_ = true; }
    bool muted() const { return muted_; }
    // The simulated kernel and the clients record events after the death of the process.
    void unmute() { muted_ = false; }

    class acting {
    public:
        acting(recorder& r, ref who) : r_(r), before_(std::exchange(r.actor_, who)) {}
        acting(acting const&) = delete;
        ~acting() { r_.actor_ = before_; }
    private:
        recorder& r_;
        ref before_;
    };
    // The guard holds the causes, so that entering and leaving it copies only a pointer. Guards end in the reverse
    // order of their beginning.
    class because_of {
    public:
        because_of(recorder& r, seq_t cause) : r_(r), these_(cause), before_(std::exchange(r.cause_, &these_)) {}
        because_of(because_of const&) = delete;
        ~because_of() { r_.cause_ = before_; }
    protected:
        because_of(recorder& r, causes const& others, seq_t cause)
            : r_(r),
              these_(others, cause),
              before_(std::exchange(r.cause_, &these_)) {}
    private:
        recorder& r_;
        causes const these_;
        causes const* before_;
    };
    // Adds a cause to the current ones, for example the awaited event to the event that woke a coroutine.
    class besides : public because_of {
    public:
        besides(recorder& r, seq_t cause) : because_of(r, *r.cause_, cause) {}
    };

private:
    sink* to_;
    nanoseconds const* clock_;
    seq_t next_ = 0;
    causes const none_{no_seq};
    causes const* cause_ = &none_; // the causes of the innermost guard
    ref actor_;
    bool muted_ = false;
    std::uint32_t last_id_[entity_count] = {};
};

} // namespace shutdown_repro::traces
