#include <algorithm>
#include "traces/phrases/phrase.hpp"
#include "traces/views/pages.hpp"
#include "traces/views/views.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t least_text = 34; // columns for the words of a row beside the lanes

// Letters over the lanes, by entity.
constexpr char letters[entity_count + 1] = "?SscrnmtlLCPxw?";

char letter(actor const& m) { return letters[static_cast<std::size_t>(m.id.type)]; }

} // namespace

void timeline_page::survey(event const& e, bool shown) {
    if (surveyed_ == 0) page_.start(e);
    if (in_rows_.size() <= style_.width)
        actors_.note(e, surveyed_); // lanes are not drawn if there are more of them than columns
    else actors_ = {};
    ++surveyed_;
    if (!shown) return;
    any_ = true;
    page_.measure(e);
    for (ref r : {e.id, e.by})
        if (r) in_rows_.insert(r);
}

std::string timeline_page::heading(std::span<violation const> violations) {
    page_.mark(violations);
    std::size_t const indent = page_.indent() + 2 + least_text;
    drawn_ = fit_lanes(style_.width > indent ? style_.width - indent : 0);
    if (drawn_) {
        actors_.arrange();
        for (actor const& m : actors_.in_order())
            if (in_rows_.contains(m.id)) lane_actors_.push_back(m);
        for (std::size_t i = 0; i < lane_actors_.size(); ++i) lane_[lane_actors_[i].id] = i;
    }
    actors_ = {};
    return drawn_ ? legend() + heads() : std::string();
}

std::string timeline_page::row(event const& e, bool shown) {
    std::string out;
    if (shown) {
        out = page_.gutter(e);
        if (drawn_) out += lanes(e, page_.breaks(e)) + "  " + page_.words(e, page_.indent() + width_ + 2) + "\n";
        else out += page_.kind_and_words(e) + "\n";
        out += page_.broken_here(e);
    }
    ++at_;
    return out;
}

// Sets the distance of the lanes to two columns, or one if they do not fit. Returns false if they do not fit at all.
bool timeline_page::fit_lanes(std::size_t room) {
    std::size_t const n = in_rows_.size();
    for (std::size_t gap : {std::size_t{1}, std::size_t{0}})
        if (n > 0 && n + (n - 1) * gap <= room) {
            gap_ = gap;
            width_ = n + (n - 1) * gap;
            return true;
        }
    return false;
}

std::string timeline_page::heads() const {
    std::vector<std::string> numbers;
    std::size_t rows = 1;
    for (actor const& m : lane_actors_) {
        numbers.push_back(std::to_string(m.id.number));
        rows = std::max(rows, 1 + numbers.back().size());
    }
    std::string out;
    for (std::size_t row = 0; row < rows; ++row) {
        std::string line(page_.indent(), ' ');
        for (std::size_t i = 0; i < lane_actors_.size(); ++i) {
            if (i) line.append(gap_, ' ');
            std::size_t const blank = rows - 1 - numbers[i].size(); // numbers are aligned at the last row
            line += row == 0 ? letter(lane_actors_[i]) : row <= blank ? ' ' : numbers[i][row - 1 - blank];
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += paint(style_, tint::faint, line) + "\n";
    }
    return out;
}

std::string timeline_page::legend() const {
    std::string out;
    std::set<entity> told;
    for (actor const& m : lane_actors_)
        if (told.insert(m.id.type).second)
            out += (out.empty() ? "" : " · ") + std::string(1, letter(m)) + " " + std::string(name_of(m.id.type));
    return paint(style_, tint::faint, wrap(out, style_.width, 0)) + "\n";
}

// Draws the lanes of one row: the live actors, the subject of the event (●), the actor that caused it (○), and a line
// between the two.
std::string timeline_page::lanes(event const& e, bool broken) const {
    std::size_t const none = lane_actors_.size();
    auto const lane_of = [&](ref r) {
        auto const at = lane_.find(r);
        return at == lane_.end() ? none : at->second;
    };
    std::size_t const subject = lane_of(e.id), by = lane_of(e.by);
    bool const joined = subject != none && by != none && subject != by;
    std::size_t const from = joined ? std::min(subject, by) : none, to = joined ? std::max(subject, by) : 0;
    std::string out;
    for (std::size_t i = 0; i < none; ++i) {
        bool const between = joined && i > from && i <= to, inner = joined && i > from && i < to;
        actor const& m = lane_actors_[i];
        bool const lives = m.first <= at_ && (at_ <= m.last || !m.over);
        if (i)
            for (std::size_t g = 0; g < gap_; ++g) out += between ? "─" : " ";
        if (i == subject) out += paint(style_, broken ? tint::bad : tint::strong, broken ? "✗" : "●");
        else if (i == by) out += paint(style_, tint::strong, "○");
        else if (inner) out += lives ? "┼" : "─";
        else out += lives ? paint(style_, tint::faint, "│") : " ";
    }
    return out;
}

std::string timeline(trace const& t, std::span<violation const> violations, text_style style) {
    timeline_page page(style);
    for (event const& e : t.events) page.survey(e, true);
    std::string out = page.heading(violations);
    for (event const& e : t.events) out += page.row(e, true);
    return out;
}

} // namespace shutdown_repro::traces
