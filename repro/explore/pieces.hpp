// Several workers search one tree (division, strategy.hpp) and come to the result of a single one: the first executions
// of the search, as many as the budget has. Whoever asks first searches a piece. The pieces are counted in their order,
// and when the budget ends within a piece, only that part of it counts.
#pragma once
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include "repro/explore/coverage.hpp"
#include "repro/explore/tally.hpp"

namespace shutdown_repro::repro {

// It is used by all workers of a stage at the same time.
class piece_ledger {
public:
    // Counts the pieces of this shard, up to `most` executions. Adds their coverage to `reached`.
    piece_ledger(share shard, std::uint64_t most, coverage& reached) : shard_(shard), most_(most), reached_(reached) {}

    // Returns whether the caller searches the piece.
    bool claim(std::uint64_t piece);
    void count_execution() { begun_.fetch_add(1, std::memory_order_relaxed); } // that belongs to a claimed piece
    // Returns how many executions of a piece can count at most. It only gets less.
    std::uint64_t room() const { return most_ - counted_.load(std::memory_order_relaxed); }
    // Takes the result of a claimed piece. `whole` is false when the search of the piece was ended early.
    void hand_over(std::uint64_t piece, tally&&, bool whole);
    // Returns whether a worker goes on: with this piece, or to the next one when it has none (0). When no further piece
    // can count, those that are being searched still may.
    bool wants(std::uint64_t piece) const {
        return !closed_.load(std::memory_order_relaxed) || (piece && piece <= last_.load(std::memory_order_relaxed));
    }

    // The following are called when all workers have ended.

    // The piece in which the budget ends, and how many of its executions count, at least 1.
    struct cut {
        std::uint64_t piece, executions;
    };
    std::optional<cut> ends_within() const;
    void add_cut(tally const&); // its executions that count
    void add_the_rest();        // after an interruption: what was handed over of later pieces
    bool complete() const { return !closed_ && waiting_.empty() && claimed_.empty(); }
    tally const& counted() const { return sum_; }
    std::vector<std::uint32_t> const& sizes() const { return sizes_; } // of the pieces, in their order

private:
    struct result {
        tally of;
        bool whole;
    };
    void count_in_order();
    void add(tally const&);

    share shard_;
    std::uint64_t most_;
    coverage& reached_;
    std::mutex mutex_;
    std::uint64_t next_ = 1;                  // no piece from here on was asked for
    std::deque<std::uint64_t> claimed_;       // in order; those counted are gone
    std::map<std::uint64_t, result> waiting_; // results of claimed_
    std::optional<cut> cut_;
    tally sum_;
    std::vector<std::uint32_t> sizes_;
    std::atomic<std::uint64_t> begun_ = 0, counted_ = 0;
    std::atomic<bool> closed_ = false;
    std::atomic<std::uint64_t> last_ = ~std::uint64_t{0}; // the piece in which the budget ends, once it is known
};

} // namespace shutdown_repro::repro
