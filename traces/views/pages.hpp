// Views that read a trace twice instead of keeping it in memory. Call survey() for every event, then row() or note()
// for every event again. Memory is proportional to the number of actors, not of events. The violations are viewed.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#include "traces/causes/causes.hpp"
#include "traces/causes/process_ends.hpp"
#include "traces/model/model.hpp"
#include "traces/phrases/actors.hpp"
#include "traces/views/rows.hpp"

namespace shutdown_repro::traces {

class timeline_page {
public:
    explicit timeline_page(text_style style) : style_(style), page_(style) {}
    // `shown` says whether the event will have a row. An actor has a lane if it appears in a row.
    void survey(event const&, bool shown);
    // Call once, between the survey and the rows. Returns the legend and the heads of the lanes; "" if they do not fit.
    std::string heading(std::span<violation const>);
    std::string row(event const&, bool shown); // call for every event, also for those without a row
    bool empty() const { return !any_; }

private:
    bool fit_lanes(std::size_t room);
    std::string legend() const;
    std::string heads() const;
    std::string lanes(event const&, bool broken) const;

    text_style style_;
    rows page_;
    actor_list actors_;
    std::unordered_set<ref> in_rows_;
    std::vector<actor> lane_actors_; // the actor of each lane
    std::unordered_map<ref, std::size_t> lane_;
    std::size_t surveyed_ = 0, at_ = 0, gap_ = 1, width_ = 0;
    bool any_ = false, drawn_ = false;
};

// Call survey() for every event, then one of the draw functions, then note() for every event.
class tree_page {
public:
    explicit tree_page(text_style style) : style_(style) {}
    void survey(event const&);
    // Draws the tree at the failed assertion, else at the first violation, else at the end.
    void draw_where_it_failed(std::span<violation const>);
    void draw_after(seq_t, std::span<violation const>); // draws it at the end if there is no such event
    void note(event const&);
    bool is_drawn_there() const { return stop_.has_value(); } // false if it is drawn at the end
    std::string text();

private:
    struct point {
        seq_t seq;
        nanoseconds t;
    };
    void find_request(event const&);
    std::string title() const;
    void scopes();
    void line(std::string const& before, actor const&);
    bool gone(actor const&) const;
    std::size_t gone_run(std::vector<actor> const& nodes, std::size_t from) const;
    std::string state(actor const&) const;

    text_style style_;
    std::span<violation const> violations_;
    bool somebody_dies_ = false,
         dies_here_ = false; // whether an assertion fails, and whether the tree is drawn there
    std::set<seq_t> stops_;
    std::optional<point> first_, last_;
    std::optional<std::string> stop_; // the moment of the drawing, in words
    std::size_t noted_ = 0;
    trace before_; // the last event; actors that it ended are drawn until the next one
    model now_;
    std::unordered_map<ref, std::string> fate_; // how an actor ended, or the last known fact about one without states
    actor_list actors_;
    std::unordered_map<seq_t, ref> begun_; // requests, by the event that began them
    std::unordered_map<ref, ref> request_of_;
    std::set<ref> blamed_, shown_;
    std::string out_;
};

// The events that led to each violation. Call survey() for every event, then explain(), then note() for every event.
class explain_page {
public:
    explicit explain_page(text_style style) : style_(style) {}
    void survey(event const&);
    void explain(std::span<violation const>);
    void note(event const&);
    std::string text() const;

private:
    using who_and_state =
        std::vector<std::pair<ref, std::string>>; // "coroutine:5 (handler of GET /2): finished, not removed"
    who_and_state involved(event const&) const;
    std::optional<std::size_t> explained_before(std::size_t number) const;
    std::string one(std::size_t number) const;
    std::string step(std::size_t number, seq_t, std::size_t of_path, std::map<ref, std::string>& shown) const;

    text_style style_;
    cause_graph graph_;
    process_ends ends_;
    seq_t last_ = 0;
    std::span<violation const> violations_;
    std::vector<std::vector<seq_t>> paths_; // the path to each violation
    std::vector<bool> explained_;           // whether each violation is explained, not only counted
    std::map<std::string_view, std::size_t> of_rule_;
    trace kept_;                                       // the events that are shown
    std::map<seq_t, std::size_t> steps_;               // the steps of all paths, and the index of each in kept_
    std::map<seq_t, std::vector<std::size_t>> asides_; // consequences of each step: indices in kept_
    std::map<seq_t, who_and_state> states_;
    model now_;
};

class follow_page {
public:
    follow_page(ref id, text_style style) : id_(id), style_(style), page_(style) {}
    void start(event const& first) { page_.start(first); }
    void survey(event const&);
    std::string row(event const&, bool shown = true); // call for every event
    bool empty() const { return !any_; }

private:
    ref id_;
    text_style style_;
    rows page_;
    bool any_ = false;
    std::set<seq_t> causes_;
    std::map<seq_t, std::string> cause_texts_; // the text of each cause
};

} // namespace shutdown_repro::traces
