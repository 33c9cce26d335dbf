#include "repro/explore/explore.hpp"
#include <algorithm>
#include <chrono>
#include <thread>
#include <tuple>
#include <unordered_map>
#include "repro/input/errors.hpp"
#include "repro/input/nearest.hpp"
#include "repro/sim/execute.hpp"
#include "server_under_test/worlds/control.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/rules/fingerprint.hpp"

namespace shutdown_repro::repro {

using server::server_kind;

namespace {

using clock = std::chrono::steady_clock;

// What all workers of a stage share.
struct common {
    terrain const& ground;
    explore_options const& options;
    std::atomic<bool> const& stop;
    clock::time_point deadline;
    std::uint64_t before = 0; // executions of earlier stages
    std::atomic<std::uint64_t> executions = 0, findings = 0;
    std::atomic<bool> enough = false; // set on a first violation, at a timeout, or on an internal error
    std::atomic<bool> out_of_time = false;

    bool over() const { return stop.load(std::memory_order_relaxed) || enough.load(std::memory_order_relaxed); }
};

// One thread of a stage, with its own simulator, rules and strategy.
class worker final : private traces::sink, private decision_source {
public:
    worker(common& c, strategy_info const& how, share mine, std::uint64_t most)
        : common_(c),
          mine_(mine),
          most_(most),
          wants_events_(how.wants_events),
          strategy_(how.make(c.ground, c.options.seed, mine)),
          reached_(c.ground) {
        rules_.without_words();
        simulator_.without_words();
    }

    void run() {
        for (std::uint64_t n = mine_.index; n < most_ && !common_.over(); n += mine_.count) {
            if (!strategy_->begin(n)) {
                done_.complete = true;
                return;
            }
            execute(n);
            if (n / mine_.count % 64 == 0 && clock::now() >= common_.deadline) {
                common_.out_of_time = true;
                common_.enough = true;
            }
        }
    }

    effort const& done() const { return done_; }
    coverage const& reached() const { return reached_; }
    std::unordered_map<std::uint64_t, finding> const& findings() const { return findings_; }
    std::uint64_t pruned = 0, unfinished = 0, verified = 0;
    std::string different; // what differed in an execution that was run twice

private:
    void put(traces::event const& e) override {
        rules_.put(e);
        prints_.saw(e);
        reached_.saw(e);
        if (wants_events_) strategy_->saw(e);
    }
    std::uint32_t choose(std::span<alternative const> offered) override {
        std::uint32_t const choice = strategy_->choose(offered);
        reached_.decided(offered, choice);
        return choice;
    }
    void only(alternative const& a) override {
        strategy_->only(a);
        reached_.decided({&a, 1}, 0);
    }

    void execute(std::uint64_t n) {
        rules_.reset();
        prints_.begin();
        reached_.begin();
        simulator::ending end;
        try {
            end = simulator_.run(*common_.ground.of, *this, *this);
        } catch (abandoned) {
            ++pruned;
            return;
        }
        if (!strategy_->mine()) return;
        rules_.on_footer(end.foot);
        rules_.finish(end.complete);
        reached_.end();
        ++done_.executions;
        done_.longest = std::max<std::uint64_t>(done_.longest, simulator_.taken().choices.size());
        common_.executions.fetch_add(1, std::memory_order_relaxed);
        note(n, end.complete);
        if (common_.options.verify_every && n % common_.options.verify_every == 0) verify();
    }

    void note(std::uint64_t n, bool complete) {
        bool violating = false;
        for (traces::violation const& v : rules_.violations()) {
            if (v.level == traces::severity::note) continue;
            violating = true;
            note(n, prints_.of(v), v.rule, v.level);
        }
        // A rule reports that a stopped server never ended; no rule reports it for a server that was not stopped.
        if (!complete && (!violating || rules_.state().t0 == traces::no_seq)) {
            ++unfinished;
            note(n, 0, {}, traces::severity::error);
        }
        done_.violating += violating;
        if (violating && common_.options.stop_at_first) common_.enough = true;
    }

    // Counts a fingerprint once per execution, however often it is violated there.
    void note(std::uint64_t n, std::uint64_t key, std::string_view rule, traces::severity level) {
        auto const [at, fresh] = findings_.try_emplace(key);
        finding& f = at->second;
        std::uint64_t const number = common_.before + n + 1;
        if (fresh) {
            f.key = key;
            f.rule = rule;
            f.level = level;
            f.first = number;
            f.shortest = simulator_.taken();
            common_.findings.fetch_add(1, std::memory_order_relaxed);
        } else if (shorter(simulator_.taken(), f.shortest)) {
            f.shortest = simulator_.taken();
        }
        if (last_[key] == number) return;
        last_[key] = number;
        ++f.count;
    }

    // Uncontrolled nondeterminism would invalidate every result.
    void verify() {
        schedule const taken = simulator_.taken();
        std::string texts[2];
        for (std::string& text : texts) {
            follow again(taken);
            traces::trace t;
            second_.run(*common_.ground.of, again, t);
            text = again.diverged().empty() && again.taken() == taken ? traces::to_text(t)
                                                                      : "the decisions differ: " + again.diverged();
        }
        ++verified;
        if (texts[0] == texts[1] && !texts[0].starts_with("the decisions")) return;
        different = "schedule " + to_string(taken);
        common_.enough = true;
    }

    common& common_;
    share mine_;
    std::uint64_t most_;
    bool wants_events_;
    std::unique_ptr<strategy> strategy_;
    simulator simulator_, second_;
    traces::rule_run rules_;
    traces::fingerprinter prints_;
    coverage reached_;
    effort done_;
    std::unordered_map<std::uint64_t, finding> findings_;
    std::unordered_map<std::uint64_t, std::uint64_t> last_;
};

// Runs the stages of one exploration one after the other, and collects their findings.
class explorer {
public:
    explorer(scenario const& s, explore_options const& o, std::atomic<bool> const& stop,
        std::function<void(explore_progress const&)> const& tell)
        : options_(o),
          stop_(stop),
          tell_(tell),
          deadline_(o.seconds ? clock::now() +
                      std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(*o.seconds))
                              : clock::time_point::max()) {
        result_.of = s;
        result_.shard = o.shard;
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
        std::uint32_t const jobs = std::max(1u, options_.jobs);
        share const mine = options_.shard.value_or(share{});
        common shared{.ground = ground_,
            .options = options_,
            .stop = stop_,
            .deadline = deadline_,
            .before = options_.shard ? planned_ : tried_};
        planned_ += most;
        std::vector<std::unique_ptr<worker>> workers;
        for (std::uint32_t j = 0; j < jobs; ++j)
            workers.push_back(
                std::make_unique<worker>(shared, how, share{mine.index + mine.count * j, mine.count * jobs}, most));
        work(shared, workers, how.name, most);
        return collect(shared, workers, how);
    }

    void work(
        common& shared, std::vector<std::unique_ptr<worker>>& workers, std::string_view name, std::uint64_t most) {
        std::atomic<std::size_t> running = workers.size();
        std::vector<std::thread> threads;
        for (auto const& w : workers)
            threads.emplace_back([&running, &w] {
                w->run();
                if (--running == 0) running.notify_all();
            });
        while (tell_ && running) {
            std::uint64_t const parts = options_.shard ? options_.shard->count : 1;
            tell_({tried_ + shared.executions, std::max(options_.executions / parts, tried_ + most / parts),
                known_.size() + shared.findings, name});
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        for (std::thread& t : threads) t.join();
    }

    bool collect(common& shared, std::vector<std::unique_ptr<worker>> const& workers, strategy_info const& how) {
        stage& s = result_.stages.emplace_back();
        s.strategy = how.name;
        s.done.complete = true;
        for (auto const& w : workers) {
            if (!w->different.empty())
                throw nondeterminism("an execution that was run twice differed, " + w->different);
            s.done.executions += w->done().executions;
            s.done.violating += w->done().violating;
            s.done.longest = std::max(s.done.longest, w->done().longest);
            s.done.complete = s.done.complete && w->done().complete;
            s.pruned += w->pruned;
            s.unfinished += w->unfinished;
            result_.verified += w->verified;
            result_.reached->add(w->reached());
            for (auto const& [key, f] : w->findings()) merge(f);
        }
        tried_ += s.done.executions + s.pruned;
        result_.executions += s.done.executions;
        result_.violating += s.done.violating;
        result_.unfinished += s.unfinished;
        result_.out_of_time = result_.out_of_time || shared.out_of_time;
        result_.interrupted = stop_;
        enough_ = enough_ || shared.enough;
        s.guarantee = worth_of(how, ground_, s, result_);
        return s.done.complete;
    }

    void merge(finding const& f) {
        auto const [at, fresh] = known_.try_emplace(f.key, result_.findings.size());
        if (fresh) return result_.findings.push_back(f);
        finding& mine = result_.findings[at->second];
        mine.first = std::min(mine.first, f.first);
        mine.count += f.count;
        if (shorter(f.shortest, mine.shortest)) mine.shortest = f.shortest;
    }

    // Describes the finding by its shortest example.
    void describe(finding& f) const {
        f.decisions = f.shortest.choices.size();
        follow again(f.shortest);
        traces::trace t;
        traces::rule_run rules;
        traces::fingerprinter prints;
        prints.begin();
        struct : traces::sink {
            traces::rule_run* judge;
            traces::fingerprinter* print;
            void put(traces::event const& e) override {
                judge->put(e);
                print->saw(e);
            }
        } both;
        both.judge = &rules;
        both.print = &prints;
        simulator().run(result_.of, again, t, &both);
        if (t.foot) rules.on_footer(*t.foot);
        rules.finish(t.problems.empty());
        if (f.rule.empty()) {
            f.message = f.fingerprint = "the server never ended";
            return;
        }
        for (traces::violation const& v : rules.violations())
            if (v.rule == f.rule && prints.of(v) == f.key) {
                f.fingerprint = fingerprint(t, v);
                f.message = v.message;
                return;
            }
        throw nondeterminism(
            "a violation of " + f.rule + " did not occur again under schedule " + to_string(f.shortest));
    }

    explore_options const& options_;
    std::atomic<bool> const& stop_;
    std::function<void(explore_progress const&)> const& tell_;
    clock::time_point deadline_;
    exploration result_;
    terrain ground_;
    std::unordered_map<std::uint64_t, std::size_t> known_;
    std::uint64_t tried_ = 0, planned_ = 0;
    bool enough_ = false;
};

} // namespace

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
    struct surveyor final : decision_source {
        terrain* of;
        std::uint32_t choose(std::span<alternative const> offered) override {
            ++of->decisions;
            return count(offered[0]), 0;
        }
        void only(alternative const& a) override { count(a); }
        void count(alternative const& a) {
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
