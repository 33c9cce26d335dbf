#include <algorithm>
#include <map>
#include <set>
#include "traces/diff/diff.hpp"
#include "traces/phrases/phrase.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::size_t context = 1;       // equal events shown next to different ones
constexpr std::size_t most_in_a_row = 8; // consecutive events that only one trace has
constexpr std::size_t diff_title = 10;

std::string shown(event const& e, std::string_view key) {
    value const* v = e.find(key);
    if (!v) return "no " + printable(key);
    std::string text = v->is == value::type::text ? printable(v->text)
        : v->is == value::type::id                ? to_string(v->id)
                                                  : "";
    if (v->is == value::type::ids)
        for (ref r : v->ids) text += (text.empty() ? "" : " ") + to_string(r);
    else if (text.empty()) text = std::to_string(v->integer);
    return printable(key) + " " + text;
}

// Returns the details of the first event that differ, for two events with the same text.
std::string otherwise(event const& e, event const& other) {
    std::vector<std::string> all;
    auto const person = [](ref r) { return r ? to_string(r) : std::string("(none)"); };
    if (e.by != other.by) all.push_back("by " + person(e.by));
    if (e.parent != other.parent) all.push_back("in " + person(e.parent));
    for (event const* side : {&e, &other})
        for (field const& f : side->detail) {
            if (side == &other && e.find(f.key)) continue;
            if (std::string text = shown(e, f.key); text != shown(other, f.key)) all.push_back(std::move(text));
        }
    std::string out;
    for (std::string const& one : all) out += (out.empty() ? " · " : ", ") + one;
    return out;
}

class page {
public:
    page(comparison const& c, diff_side const& a, diff_side const& b, text_style style)
        : c_(c),
          a_(a),
          b_(b),
          style_(style) {
        for (diff_side const* s : {&a, &b})
            for (event const& e : s->of.events) digits_ = std::max(digits_, 1 + std::to_string(e.seq).size());
        for (violation const& v : a.violations) broken_a_[v.at].push_back(v.rule);
        for (violation const& v : b.violations) broken_b_[v.at].push_back(v.rule);
    }

    std::string write() {
        std::string out = headline("A", a_) + headline("B", b_);
        for (changed_field const& f : c_.scenario)
            out += row("scenario",
                printable(f.name) + ": " + (f.a.empty() ? "absent" : printable(f.a)) + " in A, " +
                    (f.b.empty() ? "absent" : printable(f.b)) + " in B");
        out += decided();
        if (c_.first.a || c_.first.b) out += both("first", c_.first);
        if (c_.end_a != c_.end_b) out += row("ends", "A: " + ending(c_.end_a) + "; B: " + ending(c_.end_b));
        out += alike();
        for (std::size_t i = 0; i < c_.actors.size(); ++i)
            if (!c_.actors[i].alike) out += "\n" + lane(c_.actors[i], i == c_.first_actor);
        return out;
    }

private:
    // Wraps text beside the titles; a wider word is cut.
    std::string wrapped(std::string_view text) const {
        std::string out;
        for (std::string_view word; !text.empty(); text.remove_prefix(std::min(text.size(), word.size() + 1))) {
            word = text.substr(0, text.find(' '));
            out += (out.empty() ? "" : " ") + fit(word, style_.width > diff_title ? style_.width - diff_title : 0);
        }
        return wrap(out, style_.width, diff_title);
    }
    std::string row(std::string_view name, std::string_view text) const {
        return paint(style_, tint::faint, pad(name, diff_title)) + wrapped(text) + "\n";
    }
    static std::string ending(std::string const& e) { return e.empty() ? "unknown" : printable(e); }

    std::string headline(std::string_view letter, diff_side const& s) const {
        std::string text = printable(s.name);
        if (!s.of.head.world.empty()) text += " · " + printable(s.of.head.world);
        if (!s.of.head.schedule.empty()) text += " · schedule " + printable(s.of.head.schedule);
        text += " · " + counted(s.of.events.size(), "event");
        std::string out = paint(style_, tint::strong, pad(letter, diff_title)) + wrapped(text) + "\n";
        std::set<std::string_view> rules;
        for (violation const& v : s.violations)
            if (v.level != severity::note) rules.insert(v.rule);
        std::string list;
        for (std::string_view rule : rules) list += (list.empty() ? "✗ " : ", ") + std::string(rule);
        return out + std::string(diff_title, ' ') +
            (list.empty() ? paint(style_, tint::faint, "no violation")
                          : paint(style_, tint::bad, wrap(list, style_.width, diff_title))) +
            "\n";
    }

    // Shows one event of each trace, one below the other.
    std::string both(std::string_view name, event_pair const& p, std::string_view without = "no such event") const {
        std::string out;
        for (auto const& [letter, e] : {std::pair{"A", p.a}, std::pair{"B", p.b}}) {
            std::string text = e ? "#" + std::to_string(e->seq) + " " + phrase(*e) : std::string(without);
            if (e && e->what == kind::decision && e->id) text += " (" + to_string(e->id) + ")";
            out += paint(style_, tint::faint, pad(out.empty() ? name : "", diff_title)) + letter + "  " +
                fit(text, style_.width > diff_title + 3 ? style_.width - diff_title - 3 : 0) + "\n";
        }
        return out;
    }
    std::string decided() const {
        if (!c_.decision) {
            bool const both = !a_.of.head.schedule.empty() && !b_.of.head.schedule.empty() && !c_.alike();
            bool const whole = a_.of.foot && b_.of.foot;
            return both
                ? row("decided",
                      whole ? "all decisions are the same" : "all decisions that both traces contain are the same")
                : "";
        }
        changed_decision const& d = *c_.decision;
        std::string const later = !d.separates ? ", after other differences"
            : d.later                          ? ", and " + std::to_string(d.later) + " later ones differ too"
                                               : "";
        return row("decided", "the first different decision is " + std::to_string(d.index) + later) +
            both("", d.at, "none: the default order continues");
    }

    // Actors with the same events in both traces are only named.
    std::string alike() const {
        std::string who;
        std::size_t events = 0, actors = 0;
        for (compared_actor const& a : c_.actors) {
            events += static_cast<std::size_t>(
                std::count_if(a.events.begin(), a.events.end(), [](event_pair const& p) { return p.alike(); }));
            if (!a.alike || a.events.empty()) continue;
            ++actors;
            who += (who.empty() ? "" : ", ") + ids(a);
        }
        if (c_.alike()) return row("same", counted(events, "event") + " of " + counted(actors, "actor"));
        std::string out;
        if (c_.reordered)
            out += row("order", "the same events in another order; the first difference is") + both("", *c_.reordered);
        std::size_t const room = style_.width > diff_title ? 3 * (style_.width - diff_title) : 0;
        out += row("same", counted(events, "event") + (who.empty() ? "" : "; all of " + fit(who, room)));
        return out;
    }

    static std::string ids(compared_actor const& a) {
        if (!a.a && !a.b) return "no actor";
        if (!a.a || !a.b || a.a == a.b) return to_string(a.a ? a.a : a.b);
        return to_string(a.a) + " = B's " + to_string(a.b);
    }

    std::string lane(compared_actor const& a, bool differs_first) {
        std::string const where = a.a && !a.b ? "  only in A" : a.b && !a.a ? "  only in B" : "";
        std::string out =
            paint(style_, tint::strong, fit(ids(a) + (a.name.empty() ? "" : "  " + a.name) + where, style_.width)) +
            "\n";
        first_ = differs_first;
        auto const& all = a.events;
        for (std::size_t i = 0; i < all.size();) {
            std::size_t end = i;
            while (end < all.size() && all[end].alike() == all[i].alike()) ++end;
            out += all[i].alike() ? common(all, i, end) : difference(all, i, end);
            i = end;
        }
        return out;
    }

    std::string common(std::vector<event_pair> const& all, std::size_t from, std::size_t to) {
        std::string out;
        std::size_t const head = from == 0 ? from : std::min(to, from + context);
        std::size_t const tail = to == all.size() ? to : std::max(head, to - std::min(to, context));
        bool const fold = tail > head + 1; // a line that replaces a single event would save nothing
        for (std::size_t i = from; i < to; ++i) {
            if (fold && i == head) {
                out += left(' ', false, nullptr, nullptr) +
                    paint(style_, tint::faint, "… " + std::to_string(tail - head) + " the same") + "\n";
                i = tail;
                if (i == to) break;
            }
            out += line(all[i]);
        }
        return out;
    }

    // First the events that only A has, then those that only B has.
    std::string difference(std::vector<event_pair> const& all, std::size_t from, std::size_t to) {
        std::string out;
        std::vector<event_pair> of_each[2];
        for (std::size_t i = from; i < to; ++i) of_each[all[i].a ? 0 : 1].push_back(all[i]);
        for (bool of_a : {true, false}) {
            auto const& rows = of_each[of_a ? 0 : 1];
            std::size_t const most = rows.size() > most_in_a_row + 1 ? most_in_a_row : rows.size();
            for (std::size_t i = 0; i < most; ++i) out += line(rows[i], hidden(rows[i], of_each[of_a ? 1 : 0]));
            if (most < rows.size())
                out += left(of_a ? '-' : '+', false, nullptr, nullptr) +
                    paint(style_, tint::faint, "… " + std::to_string(rows.size() - most) + " more") + "\n";
        }
        return out;
    }

    // A row with the same text as one of the other trace shows the difference.
    static std::string hidden(event_pair const& row, std::vector<event_pair> const& others) {
        event const& e = row.a ? *row.a : *row.b;
        std::string const words = phrase(e);
        for (std::size_t i = 0; i < std::min(others.size(), most_in_a_row); ++i) {
            event const& other = others[i].a ? *others[i].a : *others[i].b;
            if (other.what == e.what && phrase(other) == words) return otherwise(e, other);
        }
        return {};
    }

    // Returns the beginning of a row: "▸-✗ #12 #14  ".
    std::string left(char sign, bool broken, event const* a, event const* b) const {
        auto const number = [&](event const* e) { return pad_left(e ? "#" + std::to_string(e->seq) : "", digits_); };
        tint const color = sign == '-' ? tint::bad : tint::good;
        return (first_ && (sign != ' ') && (a || b) ? paint(style_, tint::warn, "▸") : " ") +
            (sign == ' ' ? " " : paint(style_, color, {&sign, 1})) + (broken ? paint(style_, tint::bad, "✗") : " ") +
            " " + paint(style_, tint::faint, number(a) + " " + number(b)) + "  ";
    }

    std::string line(event_pair const& p, std::string const& more = {}) {
        char const sign = p.alike() ? ' ' : p.a ? '-' : '+';
        auto const of_a = p.a ? broken_a_.find(p.a->seq) : broken_a_.end();
        auto const of_b = p.b ? broken_b_.find(p.b->seq) : broken_b_.end();
        bool const in_a = of_a != broken_a_.end(), in_b = of_b != broken_b_.end();
        std::size_t const indent = 4 + 2 * digits_ + 3;
        std::size_t const room = style_.width > indent ? style_.width - indent : 0;
        std::string const words = fit(phrase(p.a ? *p.a : *p.b) + more, room);
        std::string out = left(sign, in_a || in_b, p.a, p.b);
        if (sign != ' ') first_ = false;
        out += (sign == ' ' ? words : paint(style_, sign == '-' ? tint::bad : tint::good, words)) + "\n";
        std::string const margin(indent, ' ');
        if (in_a)
            for (std::string_view rule : of_a->second)
                out += margin +
                    paint(style_, tint::bad, fit("✗ " + std::string(rule) + (p.alike() ? " in A" : ""), room)) + "\n";
        if (in_b)
            for (std::string_view rule : of_b->second)
                out += margin +
                    paint(style_, tint::bad, fit("✗ " + std::string(rule) + (p.alike() ? " in B" : ""), room)) + "\n";
        return out;
    }

    comparison const& c_;
    diff_side const &a_, &b_;
    text_style style_;
    std::size_t digits_ = 0;
    bool first_ = false; // whether the next difference is the first one
    std::map<seq_t, std::vector<std::string_view>> broken_a_, broken_b_;
};

} // namespace

std::string diff(comparison const& c, diff_side const& a, diff_side const& b, text_style style) {
    return page(c, a, b, style).write();
}

} // namespace shutdown_repro::traces
