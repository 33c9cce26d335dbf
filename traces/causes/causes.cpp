#include "traces/causes/causes.hpp"
#include <algorithm>
#include <numeric>
#include <set>

namespace shutdown_repro::traces {

namespace {

constexpr std::ptrdiff_t most_worker_ends = 3; // on one path

} // namespace

bool is_act(kind what) { return what == kind::act_stop || what == kind::act_free || what == kind::process_signal; }

void cause_graph::note(event const& e) {
    ascending_ = ascending_ && (nodes_.empty() || nodes_.back().seq < e.seq);
    nodes_.push_back({e.seq, static_cast<std::uint32_t>(links_.size()), e.what});
    links_.insert(links_.end(), e.because.begin(), e.because.end());
    if (is_act(e.what) && !first_act_) first_act_ = e.seq;
    note_process(e);
}

void cause_graph::note_process(event const& e) {
    bool const first = e.id.type == entity::process && e.id.number == 1;
    if (e.what == kind::process_status && first && !first_act_) statuses_.push_back(e.seq);
    if (e.what != kind::process_exit || !first_act_) return;
    if (first) main_end_ = e.seq;
    else worker_ends_.push_back(e.seq);
}

std::vector<seq_t> cause_graph::of_processes(seq_t broken_at, kind what) const {
    if (what != kind::client_fail && what != kind::client_closed && what != kind::process_status) return {};
    std::vector<seq_t> all;
    if (!statuses_.empty()) all.push_back(statuses_.back());
    if (main_end_) all.push_back(*main_end_);
    auto const later = std::ranges::find_if(worker_ends_, [&](seq_t end) { return end > broken_at; });
    auto const before = std::min<std::ptrdiff_t>(later - worker_ends_.begin(), most_worker_ends);
    all.insert(all.end(), later - before, later); // those just before it
    return all;
}

std::optional<std::uint32_t> cause_graph::find(seq_t seq) const {
    auto const seq_of = [this](std::uint32_t i) { return nodes_[i].seq; };
    if (ascending_) {
        auto const at = std::ranges::lower_bound(nodes_, seq, {}, &node::seq);
        if (at == nodes_.end() || at->seq != seq) return {};
        return static_cast<std::uint32_t>(at - nodes_.begin());
    }
    if (by_seq_.empty()) {
        by_seq_.resize(nodes_.size());
        std::iota(by_seq_.begin(), by_seq_.end(), 0u);
        std::ranges::stable_sort(by_seq_, {}, seq_of);
    }
    auto const at = std::ranges::lower_bound(by_seq_, seq, {}, seq_of);
    if (at == by_seq_.end() || seq_of(*at) != seq) return {};
    return *at;
}

std::span<seq_t const> cause_graph::links_of(std::uint32_t i) const {
    std::size_t const begin = nodes_[i].links, end = i + 1 < nodes_.size() ? nodes_[i + 1].links : links_.size();
    return {links_.data() + begin, end - begin};
}

std::optional<kind> cause_graph::kind_of(seq_t seq) const {
    auto const i = find(seq);
    return i ? std::optional(nodes_[*i].what) : std::nullopt;
}

std::span<seq_t const> cause_graph::causes_of(seq_t seq) const {
    auto const i = find(seq);
    return i ? links_of(*i) : std::span<seq_t const>{};
}

std::vector<seq_t> cause_graph::path_to(violation const& v) const {
    std::set<std::uint32_t> steps;
    std::vector<std::uint32_t> todo;
    auto const add = [&](seq_t seq, bool walk) {
        auto const i = find(seq);
        if (i && steps.insert(*i).second && walk && !is_act(nodes_[*i].what)) todo.push_back(*i);
    };
    add(v.at, true);
    for (seq_t w : v.witness) add(w, first_act_ && w >= *first_act_);
    while (!todo.empty()) {
        std::uint32_t const i = todo.back();
        todo.pop_back();
        for (seq_t why : links_of(i)) add(why, !first_act_ || why >= *first_act_ || nodes_[i].seq < *first_act_);
    }
    for (std::uint32_t i : std::vector<std::uint32_t>(steps.begin(), steps.end()))
        for (seq_t why : links_of(i))
            if (auto const choice = find(why); choice && nodes_[*choice].what == kind::decision) steps.insert(*choice);
    if (auto const broken = find(v.at))
        for (seq_t const seq : of_processes(v.at, nodes_[*broken].what)) add(seq, false);
    bool const has_act = std::ranges::any_of(steps, [this](std::uint32_t i) { return is_act(nodes_[i].what); });
    bool const before_act = kind_of(v.at) == kind::process_status; // it is looked at just before the signal
    if (!has_act && first_act_ && (*first_act_ < v.at || before_act)) steps.insert(*find(*first_act_));
    std::vector<seq_t> in_order;
    for (std::uint32_t i : steps) in_order.push_back(nodes_[i].seq);
    return in_order;
}

cause_finder::cause_finder(trace const& t) : events_(t) {
    for (event const& e : t.events) graph_.note(e);
}

cause_path cause_finder::path_to(violation const& v) const {
    cause_path steps;
    for (seq_t seq : graph_.path_to(v)) steps.push_back(events_.find(seq));
    return steps;
}

} // namespace shutdown_repro::traces
