#include "traces/page/lane_view.hpp"
#include <algorithm>
#include "traces/diff/diff.hpp"
#include "traces/phrases/phrase.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t most_of_a_rule =
    4; // violations of one rule that are shown one by one; most of them have the same cause
constexpr std::size_t most_lanes = 48;  // with more actors, some share lanes
constexpr std::size_t most_wanted = 32; // actors concerned by violations that then keep their own lanes
constexpr std::size_t most_arrows = 400;

} // namespace

html_view::html_view(html_side const& side, std::string letter)
    : side_(side),
      letter_(std::move(letter)),
      causes_(side.trace),
      places_(roots_of(side.trace, side.violations)),
      numbers_(side.trace),
      actors_(side.trace) {
    collect_violations();
    share_lanes();
}

std::size_t html_view::lane_of(ref id) const {
    auto const at = lane_of_.find(id);
    return at == lane_of_.end() ? none : at->second;
}

std::size_t html_view::index_of(seq_t seq) const {
    event const* e = numbers_.find(seq);
    return e ? static_cast<std::size_t>(e - events().data()) : none;
}

std::vector<violation const*> html_view::broken_at(std::size_t index) const {
    std::vector<violation const*> all;
    for (auto [at, end] = broken_.equal_range(index); at != end; ++at) all.push_back(at->second);
    return all;
}

std::string html_view::rules_under(violation const& root, defect_part part) const {
    return traces::rules_under(side_.violations, places_, number_of(root), part);
}

bool html_view::leads(violation const& v) const {
    std::size_t const i = number_of(v);
    return places_[i].is != defect_part::root || places_[i].like == i;
}

std::string html_view::message(violation const& v) const {
    return part_of(v) == defect_part::root ? message_of_root(side_.violations, places_, number_of(v)) : v.message;
}

violation const& html_view::root_of(violation const& v) const { return side_.violations[places_[number_of(v)].root]; }

void html_view::collect_violations() {
    std::vector<violation const*> all;
    for (violation const& v : side_.violations) all.push_back(&v);
    std::stable_sort(all.begin(), all.end(), [this](auto const* a, auto const* b) {
        auto const is_root = [this](violation const& v) {
            return v.level != severity::note && part_of(v) == defect_part::root && leads(v);
        };
        bool const a_root = is_root(*a), b_root = is_root(*b);
        return a_root != b_root ? a_root : a->level > b->level;
    });
    for (violation const* v : all) {
        if (std::size_t const at = index_of(v->at); at != none) broken_.emplace(at, v);
        if (v->subject) blamed_.insert(v->subject);
        if (!leads(*v) || of_rule_[v->rule]++ >= most_of_a_rule) continue;
        shown_.push_back({v, causes_.path_to(*v)});
        draw_arrows(shown_.back());
    }
}

void html_view::draw_arrows(shown_violation const& one) {
    std::set<std::size_t> steps;
    for (event const* e : one.steps) steps.insert(static_cast<std::size_t>(e - events().data()));
    path_.insert(steps.begin(), steps.end());
    auto const draw = [&](std::size_t from, std::size_t to) {
        if (arrows_.size() < most_arrows) arrows_.emplace(from, to);
    };
    for (std::size_t step : steps) {
        bool caused = false;
        for (seq_t why : events()[step].because)
            if (std::size_t const from = index_of(why); from < step && steps.contains(from)) {
                draw(from, step);
                caused = true;
            }
        // The trace records no cause on the path, so the arrow begins at the preceding event of the path.
        if (!caused && events()[step].seq == one.what->at && step != *steps.begin())
            draw(*std::prev(steps.find(step)), step);
    }
}

// Returns the subjects of the violations, the actors of the events that led to them, servers, controls, processes and
// loops, and the ancestors of all these.
std::set<ref> html_view::wanted() const {
    std::set<ref> all;
    auto const want = [&](ref id) {
        while (all.size() < most_wanted && id && all.insert(id).second)
            if (actor const* m = actors_.find(id)) id = m->parent;
    };
    for (shown_violation const& one : shown_) want(one.what->subject);
    for (std::size_t index : path_) {
        want(events()[index].id);
        want(events()[index].by);
    }
    for (actor const& m : actors_.in_order())
        if (m.id.type == entity::server || m.id.type == entity::control || m.id.type == entity::process ||
            m.id.type == entity::loop)
            want(m.id);
    return all;
}

void html_view::share_lanes() {
    std::vector<actor> const& all = actors_.in_order();
    std::set<ref> const own = all.size() > most_lanes ? wanted() : std::set<ref>();
    bool const crowded = all.size() > most_lanes;
    for (actor const& m : all) {
        bool const joins =
            crowded && !own.contains(m.id) && !lanes_.empty() && !own.contains(lanes_.back().actors.front().id);
        if (!joins) lanes_.emplace_back();
        lanes_.back().actors.push_back(m);
        lane_of_[m.id] = lanes_.size() - 1;
    }
}

std::pair<std::size_t, std::size_t> parting(html_view const& a, html_view const& b) {
    auto const index = [](event const* e, html_view const& v) {
        return e ? static_cast<std::size_t>(e - v.events().data()) : html_view::none;
    };
    event_pair const at = compare(a.side().trace, b.side().trace).parting;
    return {index(at.a, a), index(at.b, b)};
}

} // namespace shutdown_repro::traces
