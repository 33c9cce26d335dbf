#include "repro/explore/merge.hpp"
#include <algorithm>
#include <cassert>

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

} // namespace

exploration merged(std::vector<exploration> const& parts) {
    exploration whole;
    whole.of = parts.front().of;
    for (exploration const& p : parts) {
        assert(p.stages.size() == parts.front().stages.size());
        for (finding const& f : p.findings) add(whole.findings, f);
        for (std::size_t i = 0; i < p.stages.size(); ++i)
            if (&p == &parts.front()) whole.stages.push_back(p.stages[i]);
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
