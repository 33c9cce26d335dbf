#include "repro/explore/pieces.hpp"
#include <utility>

namespace shutdown_repro::repro {

bool piece_ledger::claim(std::uint64_t piece) {
    std::scoped_lock const alone(mutex_);
    if (closed_ || piece < next_) return false;
    next_ = piece + 1;
    if (piece % shard_.count != shard_.index) return false;
    if (begun_ >= most_) { // all claimed pieces come before this one
        closed_ = true;
        return false;
    }
    claimed_.push_back(piece);
    return true;
}

void piece_ledger::hand_over(std::uint64_t piece, tally&& of, bool whole) {
    std::scoped_lock const alone(mutex_);
    waiting_.emplace(piece, result{std::move(of), whole});
    count_in_order();
}

void piece_ledger::count_in_order() {
    while (!claimed_.empty() && !cut_) {
        auto const first = waiting_.find(claimed_.front());
        if (first == waiting_.end()) return;
        result const& r = first->second;
        if (r.of.begun > room()) {
            cut_ = {first->first, room()};
            last_ = first->first;
            closed_ = true;
            return;
        }
        if (!r.whole) return; // it was interrupted
        add(r.of);
        waiting_.erase(first);
        claimed_.pop_front();
    }
}

void piece_ledger::add(tally const& t) {
    reached_.add(t.covered);
    sum_.add(t, counted_);
    sizes_.push_back(static_cast<std::uint32_t>(t.begun));
    counted_ += t.begun;
}

std::optional<piece_ledger::cut> piece_ledger::ends_within() const {
    return cut_ && cut_->executions > 0 ? cut_ : std::nullopt;
}

void piece_ledger::add_cut(tally const& t) { add(t); }

void piece_ledger::add_the_rest() {
    for (auto const& [unused, r] : waiting_)
        if (r.of.begun <= room()) add(r.of);
}

} // namespace shutdown_repro::repro
