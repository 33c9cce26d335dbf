#include "repro/explore/merge.hpp"
#include <algorithm>
#include <numeric>
#include "traces/insist.hpp"

namespace shutdown_repro::repro {
namespace {

void add(std::vector<finding>& all, finding const& f) {
    auto const mine = std::ranges::find(all, f.key, &finding::key);
    if (mine == all.end()) return all.push_back(f);
    mine->first = std::min(mine->first, f.first);
    mine->count += f.count;
    if (!shorter(f, *mine)) return;
    mine->shortest = f.shortest;
    mine->decisions = f.decisions;
    mine->message = f.message; // the message of the shortest example
}

void add(stage& s, stage const& part) {
    s.done.executions += part.done.executions;
    s.done.violating += part.done.violating;
    s.done.longest = std::max(s.done.longest, part.done.longest);
    s.done.complete = s.done.complete && part.done.complete;
    s.pruned += part.pruned;
    s.unfinished += part.unfinished;
}

// ---- the shards of a tree search

bool is_tree_search(exploration const& e) {
    return e.stages.size() == 1 && find_strategy(e.stages.front().strategy)->tree;
}

// Piece p of the tree belongs to shard p modulo their number; pieces count from 1.
std::uint64_t piece_of(share s, std::size_t nth) { return (s.index ? s.index : s.count) + nth * s.count; }

// Returns whether the pieces of all shards together are those of one tree, without a gap.
bool fit_together(std::vector<exploration> const& parts) {
    std::uint64_t all = 0;
    for (exploration const& p : parts) all += p.stages.front().pieces.size();
    return std::ranges::all_of(parts, [all](exploration const& p) {
        std::size_t const mine = p.stages.front().pieces.size();
        return piece_of(*p.shard, mine) > all && (mine == 0 || piece_of(*p.shard, mine - 1) <= all);
    });
}

// Returns whether the search has ended within the budget of the whole.
bool is_complete(std::vector<exploration> const& parts) {
    if (!fit_together(parts)) return false;
    std::uint64_t begun = 0;
    for (exploration const& p : parts) {
        stage const& s = p.stages.front();
        std::uint64_t const mine = s.done.executions + s.pruned;
        if (!s.done.complete || std::accumulate(s.pieces.begin(), s.pieces.end(), std::uint64_t{0}) != mine)
            return false;
        begun += mine;
    }
    return begun <= parts.front().budget;
}

// Numbers the executions of the shards as those of one search. A shard numbers its own from 1.
void number_as_whole(std::vector<exploration>& parts) {
    std::vector<std::uint64_t> begins; // by piece: the number of executions before it
    auto const each = [&](auto const& job) {
        for (exploration& p : parts)
            for (std::size_t i = 0; i < p.stages.front().pieces.size(); ++i)
                job(p, piece_of(*p.shard, i), p.stages.front().pieces[i]);
    };
    std::uint64_t last = 0;
    each([&](exploration const&, std::uint64_t piece, std::uint32_t) { last = std::max(last, piece); });
    begins.resize(last + 2);
    each([&](exploration const&, std::uint64_t piece, std::uint32_t size) { begins[piece + 1] = size; });
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    for (exploration& p : parts) {
        std::vector<std::uint32_t> const& sizes = p.stages.front().pieces;
        for (finding& f : p.findings) {
            std::uint64_t before = 0; // executions of this shard
            std::size_t i = 0;
            while (i < sizes.size() && before + sizes[i] < f.first) before += sizes[i++];
            if (i < sizes.size()) f.first += begins[piece_of(*p.shard, i)] - before;
        }
    }
}

exploration tried_again(exploration const& part) {
    std::atomic<bool> const go_on = false;
    exploration whole = explore(part.of,
        {.strategy = part.stages.front().strategy,
            .executions = part.budget,
            .seconds = {},
            .shard = {},
            .find_causes = true},
        go_on);
    whole.reached.reset();
    return whole;
}

} // namespace

exploration merged(std::vector<exploration> parts) {
    bool const ended_early =
        std::ranges::any_of(parts, [](exploration const& p) { return p.interrupted || p.out_of_time; });
    if (is_tree_search(parts.front()) && !ended_early) {
        if (parts.size() > 1 && !is_complete(parts)) return tried_again(parts.front());
        number_as_whole(parts);
    }
    exploration whole;
    whole.budget = parts.front().budget;
    whole.of = parts.front().of;
    for (exploration const& p : parts) {
        traces::insist(
            p.stages.size() == parts.front().stages.size(), "all shards of an exploration have the same stages");
        for (finding const& f : p.findings) add(whole.findings, f);
        for (std::size_t i = 0; i < p.stages.size(); ++i)
            if (&p == &parts.front()) whole.stages.emplace_back(p.stages[i]).pieces.clear();
            else add(whole.stages[i], p.stages[i]);
        whole.executions += p.executions;
        whole.violating += p.violating;
        whole.unfinished += p.unfinished;
        whole.verified += p.verified;
        whole.interrupted = whole.interrupted || p.interrupted;
        whole.out_of_time = whole.out_of_time || p.out_of_time;
    }
    whole.sort_findings();
    terrain const ground = survey(whole.of);
    for (stage& s : whole.stages) s.guarantee = worth_of(*find_strategy(s.strategy), ground, s, whole);
    return whole;
}

} // namespace shutdown_repro::repro
