// One thread of a stage of an exploration, with its own simulator, rules and strategy.
#pragma once
#include <chrono>
#include <memory>
#include "repro/explore/pieces.hpp"
#include "repro/explore/tally.hpp"
#include "repro/sim/execute.hpp"
#include "traces/causes/roots.hpp"
#include "traces/rules/fingerprint.hpp"

namespace shutdown_repro::repro {

// What all workers of a stage share.
struct stage_plan {
    terrain const& ground;
    explore_options const& options;
    std::atomic<bool> const& stop;
    strategy_info const& how;
    std::uint64_t most; // executions of the stage
    std::chrono::steady_clock::time_point deadline;
    std::uint64_t before = 0; // executions of earlier stages
    std::atomic<std::uint64_t> executions = 0, findings = 0;
    std::atomic<bool> enough = false; // set on a first violation, at a timeout, or on an internal error
    std::atomic<bool> out_of_time = false;

    bool over() const { return stop.load(std::memory_order_relaxed) || enough.load(std::memory_order_relaxed); }
};

class worker final : private traces::sink, private server::decision_source, private division {
public:
    worker(stage_plan&, share mine);    // tries the executions of its share
    worker(stage_plan&, piece_ledger&); // searches the pieces that it can claim
    void run();
    // Searches the begin of one piece instead, so many executions.
    tally begin_of(std::uint64_t piece, std::uint64_t executions);

    tally const& seen() const { return seen_; } // of its share
    coverage const& reached() const { return reached_; }
    std::uint64_t verified = 0;
    std::string different; // what differed in an execution that was run twice

private:
    worker(stage_plan&, share, piece_ledger*);
    void put(traces::event const&) override;
    std::uint32_t choose(std::span<server::alternative const> offered) override;
    void only(server::alternative const&) override;
    bool takes(std::uint64_t piece) override;
    void run_share();
    void run_pieces();
    void hand_over(bool whole);
    void look_at_the_clock();
    void execute(std::uint64_t number);
    void note(std::uint64_t number, simulator::ending const&);
    void note(std::uint64_t number, std::uint64_t key, std::string_view rule, traces::severity, std::uint64_t root);
    std::vector<traces::defect_place> places_of_violations();
    void verify();

    stage_plan& stage_;
    share mine_;
    piece_ledger* pieces_;
    std::unique_ptr<strategy> strategy_;
    bool strategy_sees_events_;
    simulator simulator_, second_;
    traces::rule_run rules_;
    traces::fingerprinter prints_;
    coverage reached_;
    tally seen_;                                            // of the share, or of the current piece
    std::uint64_t piece_ = 0, only_piece_ = 0;              // the current piece; the only one to search; 0 for none
    std::unordered_map<std::uint64_t, std::uint64_t> last_; // by key, the number of the last execution with it
};

} // namespace shutdown_repro::repro
