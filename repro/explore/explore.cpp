#include "repro/explore/explore.hpp"
#include <algorithm>
#include <thread>
#include <tuple>
#include <unordered_map>
#include "repro/explore/worker.hpp"
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "repro/sim/execute.hpp"
#include "repro/sim/judged.hpp"
#include "server_under_test/worlds/control.hpp"
#include "traces/rules/fingerprint.hpp"

namespace shutdown_repro::repro {

using server::server_kind;

namespace {

using steady = std::chrono::steady_clock;

// Runs the stages of one exploration one after the other, and collects their findings.
class explorer {
public:
    explorer(scenario const& s, explore_options const& o, std::atomic<bool> const& stop,
        std::function<void(explore_progress const&)> const& tell)
        : options_(o),
          stop_(stop),
          tell_(tell),
          deadline_(o.seconds ? steady::now() +
                      std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>(*o.seconds))
                              : steady::time_point::max()) {
        result_.of = s;
        result_.shard = o.shard;
        result_.budget = o.executions;
        ground_ = survey(result_.of);
        result_.reached.emplace(ground_);
    }

    exploration run() {
        options_.strategy != "auto" ? run_named() : options_.shard ? run_auto_by_plan() : run_auto();
        for (finding& f : result_.findings) describe(f);
        result_.sort_findings();
        result_.interrupted = stop_;
        return std::move(result_);
    }

private:
    void run_named() {
        strategy_info const* const how = find_strategy(options_.strategy);
        if (!how) {
            std::vector<std::string_view> names{"auto"};
            for (strategy_info const& i : all_strategies()) names.push_back(i.name);
            throw input_error("unknown strategy \"" + options_.strategy + "\"" +
                did_you_mean(options_.strategy, names) + " (list strategies)");
        }
        run_stage(*how, options_.executions);
    }

    // Sweep is cheap and finds violations that depend only on the moments of stop and free. Exhaustive gives a proof if
    // it ends within its part of the budget; else the rest goes to the random strategies.
    void run_auto() {
        std::uint64_t const all = options_.executions;
        auto const left = [&](std::uint64_t percent) { return (all - std::min(all, tried_)) * percent / 100; };
        run_stage(*find_strategy("sweep"), std::max(std::min<std::uint64_t>(all, 100), all / 5));
        if (!result_.stages.back().done.complete && over()) return;
        if (!over() && run_stage(*find_strategy("exhaustive"), left(60))) return;
        for (auto const& [name, percent] : {std::pair("phase", 50), std::pair("pct", 50), std::pair("random", 100)})
            if (!over()) run_stage(*find_strategy(name), left(static_cast<std::uint64_t>(percent)));
    }
    // The number of executions of each strategy does not depend on results, so that it is the same in every shard.
    void run_auto_by_plan() {
        std::uint64_t const all = options_.executions, first = std::max(std::min<std::uint64_t>(all, 100), all / 5),
                            rest = all - first;
        for (auto const& [name, most] : {std::pair("sweep", first), std::pair("phase", rest / 2),
                 std::pair("pct", rest / 4), std::pair("random", rest - rest / 2 - rest / 4)})
            if (!stop_ && !enough_) run_stage(*find_strategy(name), most);
    }
    bool over() const { return stop_ || enough_ || tried_ >= options_.executions; }

    // Returns true when nothing is left to try.
    bool run_stage(strategy_info const& how, std::uint64_t most) {
        if (most == 0) return false;
        stage_plan shared{.ground = ground_,
            .options = options_,
            .stop = stop_,
            .how = how,
            .most = most,
            .deadline = deadline_,
            .before = options_.shard ? planned_ : tried_};
        planned_ += most;
        // To find again what was checked by --verify, an execution needs its number in the whole search.
        bool const alone = options_.jobs <= 1 || options_.verify_every > 0;
        if (how.tree && (options_.shard || !alone)) return search_tree(shared);
        std::uint32_t const jobs = how.tree ? 1 : std::max(1u, options_.jobs);
        share const mine = options_.shard.value_or(share{});
        crew workers;
        for (std::uint32_t j = 0; j < jobs; ++j)
            workers.push_back(std::make_unique<worker>(shared, share{mine.index + mine.count * j, mine.count * jobs}));
        work(shared, workers);
        tally sum;
        for (auto const& w : workers) {
            sum.add(w->seen(), 0);
            result_.reached->add(w->reached());
        }
        bool const complete = std::ranges::all_of(workers, [](auto const& w) { return w->seen().done.complete; });
        return collect(shared, workers, sum, complete, {});
    }

    // The workers take pieces of the tree. What counts is what a single worker would have tried.
    bool search_tree(stage_plan& shared) {
        share const mine = options_.shard.value_or(share{});
        shared.most = most_of_shard(shared.most, mine);
        piece_ledger pieces(mine, shared.most, *result_.reached);
        crew workers;
        for (std::uint32_t j = 0; j < std::max(1u, options_.jobs); ++j)
            workers.push_back(std::make_unique<worker>(shared, pieces));
        work(shared, workers);
        bool const ended_early = shared.over();
        if (ended_early) pieces.add_the_rest();
        else if (auto const cut = pieces.ends_within()) {
            workers.push_back(std::make_unique<worker>(shared, pieces));
            pieces.add_cut(workers.back()->begin_of(cut->piece, cut->executions));
        }
        tally sum;
        sum.add(pieces.counted(), shared.before);
        return collect(shared, workers, sum, !ended_early && pieces.complete(),
            options_.shard ? pieces.sizes() : std::vector<std::uint32_t>{});
    }
    // A shard gives up when its part is far larger than its share: then the whole is hardly within the budget, and
    // merge() finds out.
    static std::uint64_t most_of_shard(std::uint64_t most, share s) {
        return s.count == 1 ? most : std::min(most, most / s.count * 4 + 1'000);
    }

    using crew = std::vector<std::unique_ptr<worker>>;
    void work(stage_plan& shared, crew& workers) {
        std::atomic<std::size_t> running = workers.size();
        std::vector<std::thread> threads;
        for (auto const& w : workers)
            threads.emplace_back([&running, &w] {
                w->run();
                if (--running == 0) running.notify_all();
            });
        while (tell_ && running) {
            std::uint64_t const parts = options_.shard ? options_.shard->count : 1;
            tell_({tried_ + shared.executions, std::max(options_.executions / parts, tried_ + shared.most / parts),
                known_.size() + shared.findings, shared.how.name});
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        for (std::thread& t : threads) t.join();
    }

    bool collect(
        stage_plan& shared, crew const& workers, tally const& sum, bool complete, std::vector<std::uint32_t> pieces) {
        stage& s = result_.stages.emplace_back();
        s.strategy = shared.how.name;
        s.done = sum.done;
        s.done.complete = complete;
        s.pruned = sum.pruned;
        s.unfinished = sum.unfinished;
        s.pieces = std::move(pieces);
        for (auto const& w : workers) {
            if (!w->different.empty())
                throw nondeterminism("an execution that was run twice differed, " + w->different);
            result_.verified += w->verified;
        }
        for (auto const& [key, f] : sum.findings) merge(f);
        tried_ += s.done.executions + s.pruned;
        result_.executions += s.done.executions;
        result_.violating += s.done.violating;
        result_.unfinished += s.unfinished;
        result_.out_of_time = result_.out_of_time || shared.out_of_time;
        result_.interrupted = stop_;
        enough_ = enough_ || shared.enough;
        s.guarantee = worth_of(shared.how, ground_, s, result_);
        return s.done.complete;
    }

    void merge(finding const& f) {
        auto const [at, fresh] = known_.try_emplace(f.key, result_.findings.size());
        if (fresh) result_.findings.push_back(f);
        else add_finding(result_.findings[at->second], f);
    }

    // Describes the finding by its shortest example.
    void describe(finding& f) const {
        f.decisions = f.shortest.choices.size();
        judged_execution const again = judge_execution(result_.of, f.shortest);
        if (f.rule.empty()) {
            f.message = f.fingerprint = "the server never ended";
            if (f.key == finding::ended_at_limit) {
                f.fingerprint = "the execution ended at a limit of the simulator";
                f.message = again.trace.foot->note;
            }
            return;
        }
        traces::fingerprinter prints;
        prints.begin();
        for (traces::event const& e : again.trace.events) prints.saw(e);
        for (traces::violation const& v : again.judged.violations)
            if (v.rule == f.rule && prints.of(v) == f.key) {
                f.fingerprint = fingerprint(again.trace, v);
                f.message = v.message;
                return;
            }
        throw nondeterminism(
            "a violation of " + f.rule + " did not occur again under schedule " + to_string(f.shortest));
    }

    explore_options const& options_;
    std::atomic<bool> const& stop_;
    std::function<void(explore_progress const&)> const& tell_;
    steady::time_point deadline_;
    exploration result_;
    terrain ground_;
    std::unordered_map<std::uint64_t, std::size_t> known_;
    std::uint64_t tried_ = 0, planned_ = 0;
    bool enough_ = false;
};

} // namespace

void add_causes(std::vector<std::uint64_t>& to, std::vector<std::uint64_t> const& from) {
    if (to.empty() || from.empty()) return to.clear();
    std::vector<std::uint64_t> all;
    std::ranges::set_union(to, from, std::back_inserter(all));
    to = std::move(all);
}

bool shorter(schedule const& a, schedule const& b) {
    std::size_t const da = away_from_default(a), db = away_from_default(b);
    if (da != db) return da < db;
    return a.choices.size() != b.choices.size() ? a.choices.size() < b.choices.size() : a.choices < b.choices;
}

bool shorter(finding const& a, finding const& b) {
    std::size_t const da = away_from_default(a.shortest), db = away_from_default(b.shortest);
    return std::tie(da, a.decisions, a.shortest.choices) < std::tie(db, b.decisions, b.shortest.choices);
}

std::string worth_of(strategy_info const& how, terrain const& ground, stage const& s, exploration const& whole) {
    // Only draws are independent. The guarantee of another strategy covers its executions only without gaps.
    bool const gaps = whole.is_part() || ((whole.interrupted || whole.out_of_time) && !s.done.complete);
    if (gaps && !how.draws) return {};
    effort judged = s.done;
    judged.violating = std::min(judged.executions, judged.violating + s.unfinished);
    return how.guarantee(ground, judged);
}

void exploration::sort_findings() {
    std::ranges::stable_sort(findings, [](finding const& a, finding const& b) {
        return a.level != b.level ? a.level > b.level : a.first != b.first ? a.first < b.first : a.key < b.key;
    });
}

traces::verdict exploration::verdict() const {
    if (violating) return traces::verdict::violated;
    return unfinished || interrupted || executions == 0 ? traces::verdict::inconclusive : traces::verdict::clean;
}

std::vector<std::string> exploration::guarantees() const {
    std::vector<std::string> all;
    if (verdict() != traces::verdict::clean) return all;
    for (stage const& s : stages)
        if (!s.guarantee.empty()) all.push_back(s.guarantee);
    // A proof includes the guarantees of the other strategies.
    if (!stages.empty() && stages.back().strategy == "exhaustive" && stages.back().done.complete && !all.empty())
        return {all.back()};
    return all;
}

terrain survey(scenario const& s) {
    struct surveyor final : server::decision_source {
        terrain* of;
        std::uint32_t choose(std::span<server::alternative const> offered) override {
            ++of->decisions;
            return count(offered[0]), 0;
        }
        void only(server::alternative const& a) override { count(a); }
        void count(server::alternative const& a) {
            if (std::uint32_t const c = connection_of(*of->of, a.who); c < of->progress.size()) ++of->progress[c];
        }
    } walk;
    terrain t;
    t.of = &s;
    t.connections = connections_of(s);
    t.progress.resize(t.connections + 1);
    walk.of = &t;
    traces::trace unused;
    simulator().run(s, walk, unused);
    return t;
}

exploration explore(scenario const& s, explore_options const& options, std::atomic<bool> const& stop,
    std::function<void(explore_progress const&)> const& tell) {
    return explorer(s, options, stop, tell).run();
}

} // namespace shutdown_repro::repro
