// Everything that the parts of the page (parts.hpp) need to draw one side: the lane of each actor, the place of each
// event, and the events that led to each violation.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>
#include "traces/causes/causes.hpp"
#include "traces/causes/roots.hpp"
#include "traces/page/page.hpp"
#include "traces/phrases/actors.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::traces {

// A lane is a row of the picture. It belongs to one actor, or several neighbors share it.
struct html_lane {
    std::vector<actor> actors; // never empty
    bool shared() const { return actors.size() > 1; }
};

class html_view {
public:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    // Views the side. `letter` begins the anchors, so that the anchors of two sides differ.
    html_view(html_side const&, std::string letter);

    html_side const& side() const { return side_; }
    std::vector<event> const& events() const { return side_.trace.events; }
    std::vector<html_lane> const& lanes() const { return lanes_; }
    actor const* find_actor(ref id) const { return actors_.find(id); }
    std::size_t lane_of(ref) const;    // none if it has no lane
    std::size_t index_of(seq_t) const; // index of the event; none if the trace does not have it
    nanoseconds since_start(event const& e) const { return elapsed(events().front().t, e.t); }
    // Whether each event has its own element in the picture, with a link and a tooltip.
    bool detailed() const { return events().size() <= most_detailed; }

    // Anchors within the page.
    std::string row(std::size_t index) const { return letter_ + "e" + std::to_string(index); }
    std::string mark(std::size_t index) const { return letter_ + (detailed() ? "m" : "e") + std::to_string(index); }
    std::string const& letter() const { return letter_; }

    // The violations that are shown one by one: roots first, the most severe first. The others are only counted.
    struct shown_violation {
        violation const* what;
        cause_path steps;
    };
    std::vector<shown_violation> const& violations() const { return shown_; }
    // The rules that belong to the same defect as this root and have that part in it, ", " between them; "" for none.
    std::string rules_under(violation const& root, defect_part) const;
    bool leads(violation const&) const;               // false for a root that is alike to an earlier one
    std::string message(violation const&) const;      // of a root: that of all that are alike
    violation const& root_of(violation const&) const; // itself when it is a root
    defect_part part_of(violation const& v) const { return places_[number_of(v)].is; }
    std::map<std::string_view, std::size_t> const& of_rule() const { return of_rule_; }
    std::vector<violation const*> broken_at(std::size_t index) const;
    bool is_broken(std::size_t index) const { return broken_.contains(index); }
    bool on_path(std::size_t index) const { return path_.contains(index); }
    bool is_blamed(ref id) const { return blamed_.contains(id); }
    // Arrows from causes to effects, as pairs of indices of events.
    std::set<std::pair<std::size_t, std::size_t>> const& arrows() const { return arrows_; }

private:
    static constexpr std::size_t most_detailed = 2000;

    std::size_t number_of(violation const& v) const { return static_cast<std::size_t>(&v - side_.violations.data()); }
    void collect_violations();
    void draw_arrows(shown_violation const&);
    std::set<ref> wanted() const;
    void share_lanes();

    html_side side_;
    std::string letter_;
    cause_finder causes_;
    std::vector<defect_place> places_; // one for each of side_.violations
    event_index numbers_;
    actor_list actors_;
    std::vector<html_lane> lanes_;
    std::map<ref, std::size_t> lane_of_;
    std::vector<shown_violation> shown_;
    std::map<std::string_view, std::size_t> of_rule_;
    std::multimap<std::size_t, violation const*> broken_;
    std::set<std::size_t> path_;
    std::set<ref> blamed_;
    std::set<std::pair<std::size_t, std::size_t>> arrows_;
};

// Returns the first difference of two executions, as diff has it (comparison::parting): the index of an event of each.
// Both are none if nothing differs; one is none if its actor has no further event.
std::pair<std::size_t, std::size_t> parting(html_view const&, html_view const&);

} // namespace shutdown_repro::traces
