#include <algorithm>
#include <map>
#include <set>
#include "traces/views/cast.hpp"
#include "traces/views/phrase.hpp"
#include "traces/views/rows.hpp"
#include "traces/views/views.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t least_text = 34; // columns that the words of a row need beside the lanes

// Letters over the lanes, by entity.
constexpr char letters[entity_count + 1] = "?SscrnmtlLCPxw?";

struct lanes {
    std::vector<member> who;
    std::map<ref, std::size_t> place;
    std::size_t gap = 1;     // columns between lanes
    std::size_t width = 0;
};

lanes lanes_of(trace const& t) {
    lanes all;
    all.who = cast(t).in_order();
    for (std::size_t i = 0; i < all.who.size(); ++i) all.place[all.who[i].id] = i;
    return all;
}

// Lanes a column apart when they do not fit two apart; false when they do not fit at all.
bool fit_lanes(lanes& all, std::size_t room) {
    std::size_t const n = all.who.size();
    for (std::size_t gap : {std::size_t{1}, std::size_t{0}})
        if (n > 0 && n + (n - 1) * gap <= room) {
            all.gap = gap;
            all.width = n + (n - 1) * gap;
            return true;
        }
    return false;
}

std::string heading(lanes const& all, std::size_t indent, look l) {
    std::vector<std::string> numbers;
    std::size_t rows = 1;
    for (member const& m : all.who) {
        numbers.push_back(std::to_string(m.id.number));
        rows = std::max(rows, 1 + numbers.back().size());
    }
    std::string out;
    for (std::size_t row = 0; row < rows; ++row) {
        std::string line(indent, ' ');
        for (std::size_t i = 0; i < all.who.size(); ++i) {
            if (i) line.append(all.gap, ' ');
            std::size_t const blank = rows - 1 - numbers[i].size(); // numbers end in the last row
            line += row == 0 ? letters[static_cast<std::size_t>(all.who[i].id.type)] : row <= blank ? ' ' : numbers[i][row - 1 - blank];
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += paint(l, tint::faint, line) + "\n";
    }
    return out;
}

std::string legend(lanes const& all, look l) {
    std::string out;
    std::set<entity> told;
    for (member const& m : all.who)
        if (told.insert(m.id.type).second)
            out += (out.empty() ? "" : " · ") + std::string(1, letters[static_cast<std::size_t>(m.id.type)]) + " " + std::string(name_of(m.id.type));
    return paint(l, tint::faint, wrap(out, l.width, 0)) + "\n";
}

// The lanes of one row: who lives, whom the event happened to (●), and who did it (○), joined.
std::string lane_row(lanes const& all, event const& e, std::size_t index, bool broken, look l) {
    auto const lane_of = [&](ref r) { auto const at = all.place.find(r); return at == all.place.end() ? all.who.size() : at->second; };
    std::size_t const subject = lane_of(e.id), actor = lane_of(e.by), none = all.who.size();
    bool const joined = subject != none && actor != none && subject != actor;
    std::size_t const from = joined ? std::min(subject, actor) : none, to = joined ? std::max(subject, actor) : 0;
    std::string out;
    for (std::size_t i = 0; i < none; ++i) {
        bool const between = joined && i > from && i <= to, inner = joined && i > from && i < to;
        member const& m = all.who[i];
        bool const lives = m.first <= index && (index <= m.last || !m.over);
        if (i)
            for (std::size_t g = 0; g < all.gap; ++g) out += between ? "─" : " ";
        if (i == subject) out += paint(l, broken ? tint::bad : tint::strong, broken ? "✗" : "●");
        else if (i == actor) out += paint(l, tint::strong, "○");
        else if (inner) out += lives ? "┼" : "─";
        else out += lives ? paint(l, tint::faint, "│") : " ";
    }
    return out;
}

} // namespace

std::string timeline(trace const& t, std::span<violation const> violations, look l) {
    rows const page(t, violations, l);
    lanes all = lanes_of(t);
    std::size_t const room = l.width > page.indent() + 2 + least_text ? l.width - page.indent() - 2 - least_text : 0;
    bool const drawn = fit_lanes(all, room);
    std::string out = drawn ? legend(all, l) + heading(all, page.indent(), l) : std::string();
    for (std::size_t i = 0; i < t.events.size(); ++i) {
        event const& e = t.events[i];
        out += page.gutter(e);
        if (drawn) out += lane_row(all, e, i, page.breaks(e), l) + "  " + page.words(e, page.indent() + all.width + 2) + "\n";
        else out += page.kind_and_words(e) + "\n";
        out += page.broken_here(e);
    }
    return out;
}

} // namespace shutdown_repro::traces
