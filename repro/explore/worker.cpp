#include "repro/explore/worker.hpp"
#include <utility>
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::repro {

worker::worker(stage_plan& s, share mine, piece_ledger* pieces)
    : stage_(s),
      mine_(mine),
      pieces_(pieces),
      strategy_(s.how.make(s.ground, s.options.seed, mine)),
      strategy_sees_events_(s.how.wants_events),
      reached_(s.ground) {
    rules_.without_words();
    simulator_.without_words();
    if (pieces) strategy_->divide(*this);
}

worker::worker(stage_plan& s, share mine) : worker(s, mine, nullptr) {}
worker::worker(stage_plan& s, piece_ledger& pieces) : worker(s, {}, &pieces) {}

void worker::run() { pieces_ ? run_pieces() : run_share(); }

void worker::run_share() {
    std::uint64_t n = mine_.index;
    for (; n < stage_.most && !stage_.over(); n += mine_.count) {
        if (!strategy_->begin(n)) {
            seen_.done.complete = true;
            return;
        }
        execute(stage_.before + n + 1);
        if (n / mine_.count % 64 == 0) look_at_the_clock();
    }
    // Whether anything is left does not depend on whose share it would be.
    if (!stage_.over()) seen_.done.complete = !strategy_->begin(std::max(n, stage_.most));
}

// --- pieces of a tree ------------------------------------------------------------------------------------------------

void worker::run_pieces() {
    for (std::uint64_t tries = 0; !stage_.over() && pieces_->wants(piece_); ++tries) {
        if (!strategy_->begin(0)) return hand_over(true);
        execute(seen_.begun + 1);
        if (piece_ && seen_.begun > pieces_->room()) break; // the budget ends within this piece, or before it
        if (tries % 64 == 0) look_at_the_clock();
    }
    hand_over(false);
}

bool worker::takes(std::uint64_t piece) {
    if (only_piece_) return piece == only_piece_;
    hand_over(true); // the piece before
    if (!pieces_->claim(piece)) return false;
    piece_ = piece;
    return true;
}

void worker::hand_over(bool whole) {
    if (std::uint64_t const piece = std::exchange(piece_, 0)) pieces_->hand_over(piece, std::move(seen_), whole);
    seen_ = {};
    last_.clear();
}

tally worker::begin_of(std::uint64_t piece, std::uint64_t executions) {
    only_piece_ = piece;
    while (seen_.begun < executions && !stage_.over() && strategy_->begin(0)) execute(seen_.begun + 1);
    return std::move(seen_);
}

// --- one execution ---------------------------------------------------------------------------------------------------

void worker::look_at_the_clock() {
    if (std::chrono::steady_clock::now() < stage_.deadline) return;
    stage_.out_of_time = true;
    stage_.enough = true;
}

void worker::put(traces::event const& e) {
    rules_.put(e);
    prints_.saw(e);
    reached_.saw(e);
    if (strategy_sees_events_) strategy_->saw(e);
}

std::uint32_t worker::choose(std::span<server::alternative const> offered) {
    std::uint32_t const choice = strategy_->choose(offered);
    reached_.decided(offered, choice);
    return choice;
}

void worker::only(server::alternative const& a) {
    strategy_->only(a);
    reached_.decided({&a, 1}, 0);
}

// `number` counts from 1: over all stages, or within the current piece.
void worker::execute(std::uint64_t number) {
    rules_.reset();
    prints_.begin();
    reached_.begin();
    simulator::ending end;
    bool skipped = false;
    try {
        end = simulator_.run(*stage_.ground.of, *this, *this);
    } catch (abandoned) { skipped = true; }
    if (!strategy_->mine()) return;
    ++seen_.begun;
    if (pieces_) {
        pieces_->count_execution();
        number = seen_.begun; // this execution may be the first of a piece
    }
    if (skipped) return void(++seen_.pruned);
    rules_.on_footer(end.foot);
    rules_.finish(end.complete);
    pieces_ ? reached_.end(seen_.covered) : reached_.end();
    ++seen_.done.executions;
    seen_.done.longest = std::max<std::uint64_t>(seen_.done.longest, simulator_.taken().choices.size());
    stage_.executions.fetch_add(1, std::memory_order_relaxed);
    note(number, end);
    std::uint64_t const every = stage_.options.verify_every;
    if (every && (number - (pieces_ ? 0 : stage_.before) - 1) % every == 0) verify();
}

void worker::note(std::uint64_t number, simulator::ending const& end) {
    bool violating = false;
    std::vector<traces::violation> const& all = rules_.violations();
    std::vector<traces::defect_place> const places = places_of_violations();
    for (std::size_t i = 0; i < all.size(); ++i) {
        traces::violation const& v = all[i];
        if (v.level == traces::severity::note) continue;
        violating = true;
        bool const is_root = places.empty() || places[i].root == i;
        note(number, prints_.of(v), v.rule, v.level, is_root ? 0 : prints_.of(all[places[i].root]));
    }
    // A rule reports that a stopped server never ended; no rule reports it for a server that was not stopped.
    if (end.cut || (!end.complete && (!violating || rules_.state().t0 == traces::no_seq))) {
        ++seen_.unfinished;
        note(number, end.cut ? finding::ended_at_limit : finding::never_ended, {}, traces::severity::error, 0);
    }
    seen_.done.violating += violating;
    if (violating && stage_.options.stop_at_first) stage_.enough = true;
}

// Counts a fingerprint once per execution, however often it is violated there. `root` is 0 when it has no root.
void worker::note(
    std::uint64_t number, std::uint64_t key, std::string_view rule, traces::severity level, std::uint64_t root) {
    auto const [at, fresh] = seen_.findings.try_emplace(key);
    finding& f = at->second;
    std::vector<std::uint64_t> const here(root ? 1 : 0, root);
    if (fresh) f.caused_by = here;
    else add_causes(f.caused_by, here);
    if (fresh) {
        f.key = key;
        f.rule = rule;
        f.level = level;
        f.first = number;
        f.shortest = simulator_.taken();
        stage_.findings.fetch_add(1, std::memory_order_relaxed);
    } else if (shorter(simulator_.taken(), f.shortest)) {
        f.shortest = simulator_.taken();
    }
    if (std::exchange(last_[key], number) == number) return;
    ++f.count;
}

// One place for each violation; none when no cause is asked for, or a single violation has none.
std::vector<traces::defect_place> worker::places_of_violations() {
    if (!stage_.options.find_causes || rules_.violations().size() < 2) return {};
    follow again(simulator_.taken());
    traces::trace t;
    second_.run(*stage_.ground.of, again, t);
    return traces::roots_of(t, rules_.violations());
}

// Uncontrolled nondeterminism would invalidate every result.
void worker::verify() {
    schedule const taken = simulator_.taken();
    std::string texts[2];
    for (std::string& text : texts) {
        follow again(taken);
        traces::trace t;
        second_.run(*stage_.ground.of, again, t);
        text = again.diverged().empty() && again.taken() == taken ? traces::to_text(t)
                                                                  : "the decisions differ: " + again.diverged();
    }
    ++verified;
    if (texts[0] == texts[1] && !texts[0].starts_with("the decisions")) return;
    different = "schedule " + to_string(taken);
    stage_.enough = true;
}

} // namespace shutdown_repro::repro
