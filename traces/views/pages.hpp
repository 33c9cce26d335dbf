// The views that need two looks at a trace and not the whole of it at once: every event is surveyed, then every event
// is asked for its row. Memory is in who appears, not in how much happens. The violations are viewed.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>
#include "traces/rules/model.hpp"
#include "traces/views/actors.hpp"
#include "traces/views/causes.hpp"
#include "traces/views/rows.hpp"

namespace shutdown_repro::traces {

class timeline_page {
public:
    explicit timeline_page(text_style style) : style_(style), page_(style) {}
    // `shown` says whether the event will have a row. A lane is drawn for whoever stands in one.
    void survey(event const&, bool shown);
    // Once between the survey and the rows: legend and heads of the lanes, nothing when they do not fit.
    std::string heading(std::span<violation const>);
    std::string row(event const&, bool shown); // of every event again, also of those without a row
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
    std::vector<actor> lane_actors_; // of each lane
    std::unordered_map<ref, std::size_t> lane_;
    std::size_t surveyed_ = 0, at_ = 0, gap_ = 1, width_ = 0;
    bool any_ = false, drawn_ = false;
};

// Surveys every event, is told when the tree is drawn, then notes every event again.
class tree_page {
public:
    explicit tree_page(text_style style) : style_(style) {}
    void survey(event const&);
    // Where the server failed: at its failed assertion, else at the first violation; at the end when nothing is broken.
    void draw_where_it_failed(std::span<violation const>);
    void draw_after(seq_t, std::span<violation const>); // at the end when there is no such event
    void note(event const&);
    bool is_drawn_there() const { return stop_.has_value(); } // and not at the end
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
    bool somebody_dies_ = false, dies_here_ = false; // the server of what went wrong
    std::set<seq_t> stops_;
    std::optional<point> first_, last_;
    std::optional<std::string> stop_; // what it stands at, in words
    std::size_t noted_ = 0;
    trace before_; // the last event, which what it ended outlives by one
    model now_;
    std::unordered_map<ref, std::string> fate_; // how who is gone went, or what is known of who has no states
    actor_list actors_;
    std::unordered_map<seq_t, ref> begun_; // requests
    std::unordered_map<ref, ref> request_of_;
    std::set<ref> blamed_, shown_;
    std::string out_;
};

// For each violation the steps that led to it. Surveys every event, is given the violations, then notes every event
// again.
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
    seq_t last_ = 0;
    std::span<violation const> violations_;
    std::vector<std::vector<seq_t>> paths_; // of each violation
    std::vector<bool> explained_;           // which are explained and not only counted
    std::map<std::string_view, std::size_t> of_rule_;
    trace kept_;                                       // the events that are told
    std::map<seq_t, std::size_t> steps_;               // of all ways, and where each is in kept_
    std::map<seq_t, std::vector<std::size_t>> asides_; // of each step, in kept_
    std::map<seq_t, who_and_state> states_;
    model now_;
};

class follow_page {
public:
    follow_page(ref id, text_style style) : id_(id), style_(style), page_(style) {}
    void start(event const& first) { page_.start(first); }
    void survey(event const&);
    std::string row(event const&, bool shown = true); // of every event again
    bool empty() const { return !any_; }

private:
    ref id_;
    text_style style_;
    rows page_;
    bool any_ = false;
    std::set<seq_t> causes_;
    std::map<seq_t, std::string> cause_texts_; // what each cause was
};

} // namespace shutdown_repro::traces
