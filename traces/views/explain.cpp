#include <algorithm>
#include "traces/phrases/phrase.hpp"
#include "traces/phrases/state.hpp"
#include "traces/views/pages.hpp"
#include "traces/views/views.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t most_steps = 30;    // of one violation; the middle of a longer path is left out
constexpr std::size_t most_asides = 4;    // consequences of a step that are not on the path
constexpr std::size_t most_involved = 6;  // states shown with one step
constexpr std::size_t most_of_a_rule = 4; // violations of one rule; most of them have the same cause
constexpr std::size_t least_shared = 3;   // common steps that are replaced by a reference to an earlier explanation
constexpr std::size_t kind_width = 18;

// Whether the reader has to know an event of this kind to understand the path, even if it is not on the path.
bool is_aside(kind what) {
    return what == kind::scope_unref || what == kind::listener_wake || what == kind::coroutine_zombie ||
        what == kind::scope_closed;
}

constexpr std::size_t not_kept = static_cast<std::size_t>(-1);

} // namespace

void explain_page::survey(event const& e) {
    graph_.note(e);
    ends_.note(e);
    last_ = e.seq;
}

void explain_page::explain(std::span<violation const> violations) {
    violations_ = violations;
    for (violation const& v : violations) {
        paths_.push_back(graph_.path_to(v));
        explained_.push_back(of_rule_[v.rule]++ < most_of_a_rule);
        for (seq_t step : paths_.back()) steps_.try_emplace(step, not_kept);
    }
}

// Keeps the events that will be shown, and the states of their actors at that point.
void explain_page::note(event const& e) {
    now_.apply(e);
    std::size_t const place = kept_.events.size();
    bool keep = false;
    if (auto const at = steps_.find(e.seq); at != steps_.end() && at->second == not_kept) {
        at->second = place;
        states_[e.seq] = involved(e);
        keep = true;
    }
    if (is_aside(e.what))
        for (seq_t why : e.because)
            if (steps_.contains(why)) {
                asides_[why].push_back(place);
                keep = true;
            }
    if (keep) kept_.append(e);
    now_.forget(e);
}

explain_page::who_and_state explain_page::involved(event const& e) const {
    who_and_state out;
    auto const add = [&](ref who) {
        bool const known = std::any_of(out.begin(), out.end(), [who](auto const& o) { return o.first == who; });
        std::string const state = known || out.size() == most_involved ? "" : state_of(who, now_);
        if (!state.empty()) out.emplace_back(who, named(who, now_) + ": " + state);
    };
    add(e.id);
    for (field const& f : e.detail) {
        if (f.val.is == value::type::id) add(f.val.id);
        if (f.val.is == value::type::ids)
            for (ref r : f.val.ids) add(r);
    }
    return out;
}

std::string explain_page::text() const {
    std::string out;
    for (std::size_t i = 0; i < violations_.size(); ++i)
        if (explained_[i]) out += (i ? "\n" : "") + one(i);
    for (auto const& [rule, count] : of_rule_)
        if (count > most_of_a_rule)
            out += "\n" + paint(style_, tint::bad, rule) + ": " + std::to_string(count - most_of_a_rule) +
                " more like these\n";
    return out;
}

// Returns the explained violation with the longest path that this path begins with. One failure often violates several
// rules, and its path is explained only once.
std::optional<std::size_t> explain_page::explained_before(std::size_t number) const {
    std::optional<std::size_t> best;
    auto const& steps = paths_[number];
    for (std::size_t i = 0; i < number; ++i) {
        auto const& other = paths_[i];
        bool const begins = explained_[i] && other.size() >= least_shared && other.size() <= steps.size() &&
            std::equal(other.begin(), other.end(), steps.begin());
        if (begins && (!best || other.size() > paths_[*best].size())) best = i;
    }
    return best;
}

std::string explain_page::one(std::size_t number) const {
    violation const& v = violations_[number];
    auto const& steps = paths_[number];
    std::string const back = steps.empty() ? "" : ", " + counted(steps.size(), "step");
    std::string out = paint(style_, tint::bad, v.rule) + " at #" + std::to_string(v.at) + back + ":\n";
    out += "  " + wrap(printable(v.message), style_.width, 2) + "\n";
    std::size_t first = 0;
    if (auto const before = explained_before(number)) {
        first = paths_[*before].size();
        out += paint(style_, tint::faint,
                   "   … " + counted(first, "step") + ", the same as for " + std::string(violations_[*before].rule) +
                       " at #" + std::to_string(violations_[*before].at)) +
            "\n";
    }
    std::size_t const last_of_head = first + most_steps / 3, tail = most_steps - most_steps / 3;
    std::map<ref, std::string> shown; // a state is shown when it has changed
    for (std::size_t i = first; i < steps.size(); ++i) {
        if (i == last_of_head && steps.size() - i > tail) {
            out +=
                paint(style_, tint::faint, "   … " + counted(steps.size() - tail - i, "step") + " in between") + "\n";
            i = steps.size() - tail;
        }
        out += step(i + 1, steps[i], number, shown);
    }
    if (!v.inside.empty()) out += paint(style_, tint::strong, "  still inside") + "\n";
    for (std::string const& line : v.inside) out += "    " + wrap(printable(line), style_.width, 6) + "\n";
    return out;
}

std::string explain_page::step(
    std::size_t number, seq_t seq, std::size_t of_path, std::map<ref, std::string>& shown) const {
    violation const& v = violations_[of_path];
    event const& e = kept_.events[steps_.at(seq)];
    std::size_t const digits = 1 + std::to_string(last_).size();
    std::string const head =
        pad_left(std::to_string(number), 2) + " " + pad("#" + std::to_string(e.seq), digits) + "  ";
    std::string const what = pad(printable(kind_text(e)), kind_width) + " ";
    std::size_t const indent = columns(head) + columns(what);
    tint const mark = e.seq == v.at ? tint::bad : is_act(e.what) ? tint::warn : tint::strong;
    std::string out =
        paint(style_, tint::faint, head) + paint(style_, mark, what) + wrap(phrase(e), style_.width, indent) + "\n";
    std::string const margin(indent, ' ');
    auto const beside = asides_.find(seq);
    if (std::string const end = ends_.in_words(seq); !end.empty())
        out += margin + wrap(end, style_.width, indent) + "\n";
    std::size_t told = 0;
    for (std::size_t const place : beside == asides_.end() ? std::vector<std::size_t>{} : beside->second) {
        event const& aside = kept_.events[place];
        if (aside.seq > v.at || std::ranges::count(paths_[of_path], aside.seq) || told++ == most_asides) continue;
        out += margin + wrap("and " + phrase(aside) + " (#" + std::to_string(aside.seq) + ")", style_.width, indent) +
            "\n";
    }
    for (auto const& [who, state] : states_.at(seq)) {
        if (auto [at, fresh] = shown.try_emplace(who, state); !fresh && std::exchange(at->second, state) == state)
            continue;
        out += margin + paint(style_, tint::faint, wrap(state, style_.width, indent)) + "\n";
    }
    return out;
}

std::string explain(trace const& t, std::span<violation const> violations, text_style style) {
    explain_page page(style);
    for (event const& e : t.events) page.survey(e);
    page.explain(violations);
    for (event const& e : t.events) page.note(e);
    return page.text();
}

} // namespace shutdown_repro::traces
