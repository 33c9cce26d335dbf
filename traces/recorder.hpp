// What a server (or a client, or the runner) records its facts with: it numbers and dates each fact, says who acted and
// what caused it, and hands it to one sink. The recorder never judges.
//
// "Who acts" and "because of what" are dynamic scopes: `acting` and `because_of` are guards, so a nested operation's
// events point at the operation that contains them. `inspect --explain` walks exactly these links back.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <utility>
#include "traces/event.hpp"

namespace shutdown_repro::traces {

class recorder {
    struct causes { // in order
        seq_t at[4] = {};
        std::size_t count = 0;
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
    // `clock` is read at each event; it and the sink must outlive the recorder.
    recorder(sink& to, nanoseconds const& clock) : to_(&to), clock_(&clock) {}
    recorder(recorder const&) = delete;
    void record_to(sink& to) { to_ = &to; }

    // Records one fact and returns its sequence number (no_seq once muted).
    seq_t emit(kind what, ref id, ref parent = {}, std::initializer_list<field> detail = {}) {
        return emit(what, id, parent, std::span<field const>(detail.begin(), detail.size()));
    }
    seq_t emit(kind what, ref id, ref parent, std::span<field const> detail) {
        if (muted_) return no_seq;
        seq_t const seq = next_++;
        to_->put(event(seq, *clock_, what, id, parent, actor_, {cause_.at, cause_.count}, detail));
        return seq;
    }

    // A fact that is not told, as nobody who listens wants it: those that follow keep their numbers.
    void leave_out() { next_ += !muted_; }

    ref fresh(entity type) { return {type, ++last_id_[static_cast<std::size_t>(type)]}; }
    ref actor() const { return actor_; }
    seq_t cause() const { return cause_.count ? cause_.at[cause_.count - 1] : no_seq; } // the latest
    seq_t next() const { return next_; }

    // As new: numbering begins again.
    void reset() {
        next_ = 0;
        cause_ = {};
        actor_ = {};
        muted_ = false;
        for (std::uint32_t& n : last_id_) n = 0;
    }

    // A dead process records nothing more (see world::die).
    void mute() { muted_ = true; }
    bool muted() const { return muted_; }
    // The simulated kernel and the clients outlive the process.
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
    class because_of {
    public:
        because_of(recorder& r, seq_t cause) : because_of(r, {}, cause) {}
        because_of(because_of const&) = delete;
        ~because_of() { r_.cause_ = before_; }
    protected:
        because_of(recorder& r, causes with, seq_t cause) : r_(r), before_(std::exchange(r.cause_, with)) {
            r.cause_.add(cause);
        }
    private:
        recorder& r_;
        causes before_;
    };
    // One more cause beside those that there are: what was waited for, beside what woke it.
    class besides : public because_of {
    public:
        besides(recorder& r, seq_t cause) : because_of(r, r.cause_, cause) {}
    };

private:
    sink* to_;
    nanoseconds const* clock_;
    seq_t next_ = 0;
    causes cause_;
    ref actor_;
    bool muted_ = false;
    std::uint32_t last_id_[entity_count] = {};
};

} // namespace shutdown_repro::traces
