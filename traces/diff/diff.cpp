#include "traces/diff/diff.hpp"
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include "traces/diff/actor_pairing.hpp"
#include "traces/diff/edits.hpp"
#include "traces/phrases/phrase.hpp"

namespace shutdown_repro::traces {
namespace {

using json = nlohmann::ordered_json;
using event_list = std::vector<event const*>;

// Details whose values always differ between executions.
bool is_volatile(std::string_view detail) { return detail == "port"; }

// The events of one trace as numbers. Equal events of both traces have the same number.
class side {
public:
    side(trace const& t) : actors(t) {
        for (event const& e : t.events) (e.what == kind::decision ? decisions : steps).push_back(&e);
        for (event const* e : steps) lanes[lane_of(*e)].push_back(e);
    }

    template <class Number> void number(std::unordered_map<std::string, std::uint32_t>& known, Number const& who) {
        for (event const* e : steps)
            numbers[e] = known.try_emplace(meaning(*e, who), static_cast<std::uint32_t>(known.size())).first->second;
        for (event const* e : decisions)
            numbers[e] = known.try_emplace(meaning(*e, who), static_cast<std::uint32_t>(known.size())).first->second;
    }
    std::vector<std::uint32_t> of(event_list const& s) const {
        std::vector<std::uint32_t> out;
        for (event const* e : s) out.push_back(numbers.at(e));
        return out;
    }

    actor_list actors;
    event_list steps, decisions;
    std::unordered_map<ref, event_list> lanes;
    std::unordered_map<event const*, std::uint32_t> numbers;

private:
    template <class Number> static std::string meaning(event const& e, Number const& who) {
        auto const person = [&who](ref r) { return std::string(name_of(r.type)) + std::to_string(who(r)); };
        std::string out(kind_text(e));
        for (ref r : {e.id, e.parent, e.by}) out += "\n" + person(r);
        for (field const& f : e.detail) {
            if (is_volatile(f.key)) continue;
            out.append("\n").append(f.key).append("=");
            value const& v = f.val;
            ref const named = v.is == value::type::id ? v.id
                : v.is == value::type::text           ? parse_ref(v.text).value_or(ref{})
                                                      : ref{};
            if (v.is == value::type::ids)
                for (ref r : v.ids) out += person(r) + ",";
            else if (named) out += person(named);
            else if (v.is == value::type::text) out += v.text;
            else out += std::to_string(v.integer);
        }
        return out;
    }
};

// Returns the lanes of a in the order of the timeline, with the lanes that only b has at their places in b.
std::vector<std::pair<ref, ref>> pairs(side const& a, side const& b, actor_pairing const& who) {
    std::vector<std::pair<ref, ref>> out;
    for (actor const& m : a.actors.in_order()) out.emplace_back(m.id, who.in_b(m.id));
    std::unordered_map<ref, std::vector<ref>> after; // actors of b only, by the actor of a that they follow
    std::vector<std::pair<ref, ref>> leading;
    ref previous;
    for (actor const& m : b.actors.in_order()) {
        ref const partner = who.in_a(m.id);
        if (partner) previous = partner;
        else if (previous) after[previous].push_back(m.id);
        else leading.emplace_back(ref{}, m.id);
    }
    std::vector<std::pair<ref, ref>> merged = std::move(leading);
    for (auto const& pair : out) {
        merged.push_back(pair);
        for (ref r : after[pair.first]) merged.emplace_back(ref{}, r);
    }
    if (a.lanes.contains(ref{}) || b.lanes.contains(ref{}))
        merged.emplace_back(ref{}, ref{}); // events without an actor
    return merged;
}

compared_actor aligned(ref in_a, ref in_b, side const& a, side const& b) {
    auto const lane = [](side const& s, ref r) {
        auto const at = s.lanes.find(r);
        return at == s.lanes.end() ? event_list{} : at->second;
    };
    bool const nobody = !in_a && !in_b;
    event_list const of_a = in_a || nobody ? lane(a, in_a) : event_list{},
                     of_b = in_b || nobody ? lane(b, in_b) : event_list{};
    compared_actor out{in_a, in_b, "", {}, true};
    if (actor const* m = in_a ? a.actors.find(in_a) : b.actors.find(in_b)) out.name = m->name;
    auto x = of_a.begin();
    auto y = of_b.begin();
    for (edit step : edits(a.of(of_a), b.of(of_b))) {
        out.events.push_back({step == edit::only_b ? nullptr : *x++, step == edit::only_a ? nullptr : *y++});
        out.alike = out.alike && step == edit::keep;
    }
    return out;
}

void find_first(comparison& c, side const& a, side const& b) {
    std::unordered_map<event const*, std::size_t> place;
    for (side const* s : {&a, &b})
        for (std::size_t i = 0; i < s->steps.size(); ++i) place[s->steps[i]] = i;
    std::size_t best = static_cast<std::size_t>(-1);
    for (std::size_t i = 0; i < c.actors.size(); ++i) {
        auto const& events = c.actors[i].events;
        auto const at = std::find_if(events.begin(), events.end(), [](event_pair const& p) { return !p.alike(); });
        if (at == events.end()) continue;
        event_pair first = *at;
        for (auto it = at; it != events.end() && !it->alike(); ++it) {
            if (!first.a) first.a = it->a;
            if (!first.b) first.b = it->b;
        }
        for (event const* e : {first.a, first.b})
            if (e && place.at(e) < best) best = place.at(e), c.first = first, c.first_actor = i;
    }
}

// Returns whether the event names the policy, which may well be why one of the executions passes.
bool names_policy(event const* e) { return e && e->what == kind::server_open; }

// Returns how many events at the beginning of both traces are equal, for all actors together.
std::size_t alike_at_first(side const& a, side const& b, bool but_for_policies = false) {
    auto const same = [&](event const* x, event const* y) {
        return a.numbers.at(x) == b.numbers.at(y) || (but_for_policies && names_policy(x) && names_policy(y));
    };
    std::size_t n = 0;
    while (n < std::min(a.steps.size(), b.steps.size()) && same(a.steps[n], b.steps[n])) ++n;
    return n;
}

std::optional<event_pair> reordering(side const& a, side const& b) {
    std::size_t const n = alike_at_first(a, b);
    if (n == a.steps.size())
        return std::nullopt; // all actors have the same events, so both traces have the same length
    return event_pair{a.steps[n], b.steps[n]};
}

// The events of a trace are one array, so their addresses are in order.
std::size_t steps_before(event const* decision, side const& s) {
    return static_cast<std::size_t>(std::lower_bound(s.steps.begin(), s.steps.end(), decision) - s.steps.begin());
}

// Decisions by their number in the schedule, because a trace may leave out decisions for the default. Without numbers
// they are counted.
std::map<std::size_t, event const*> numbered(event_list const& decisions) {
    std::map<std::size_t, event const*> out;
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        std::int64_t const number = decisions[i]->integer("number", -1);
        out.try_emplace(number < 0 ? i : static_cast<std::size_t>(number), decisions[i]);
    }
    return out;
}

// What follows the end of a cut trace is unknown and does not count as a different decision.
std::size_t known_decisions(trace const& t, std::map<std::size_t, event const*> const& of) {
    return t.foot ? static_cast<std::size_t>(-1) : of.empty() ? 0 : of.rbegin()->first + 1;
}

std::optional<changed_decision> first_change(trace const& ta, side const& a, trace const& tb, side const& b) {
    auto const of_a = numbered(a.decisions), of_b = numbered(b.decisions);
    auto const at = [](auto const& of, std::size_t i) {
        auto const found = of.find(i);
        return found == of.end() ? nullptr : found->second;
    };
    std::set<std::size_t> all;
    for (auto const* of : {&of_a, &of_b})
        for (auto const& [number, e] : *of) all.insert(number);
    std::size_t const known = std::min(known_decisions(ta, of_a), known_decisions(tb, of_b));
    std::optional<changed_decision> out;
    for (std::size_t i : all) {
        if (i >= known) break;
        event_pair const here{at(of_a, i), at(of_b, i)};
        if (here.alike() && a.numbers.at(here.a) == b.numbers.at(here.b)) continue;
        if (!out) out = changed_decision{i, here, 0, true};
        else ++out->later;
    }
    std::size_t const alike = alike_at_first(a, b);
    if (out && out->at.a) out->separates = steps_before(out->at.a, a) <= alike;
    if (out && out->at.b) out->separates = out->separates && steps_before(out->at.b, b) <= alike;
    return out;
}

// Returns the earliest of the first differences of all actors, with the event of that actor in the other trace.
event_pair first_parting(comparison const& c) {
    event_pair best;
    auto const earlier = [](event const* x, event const* y) { return x && (!y || x < y); };
    for (compared_actor const& actor : c.actors) {
        auto const differs = [](event_pair const& p) { return !p.alike() && !names_policy(p.a) && !names_policy(p.b); };
        event_pair here;
        for (auto it = std::ranges::find_if(actor.events, differs); it != actor.events.end() && !here.alike(); ++it) {
            if (!here.a) here.a = it->a;
            if (!here.b) here.b = it->b;
        }
        if (earlier(here.a, best.a) || (!here.a && !best.a && earlier(here.b, best.b))) best = here;
    }
    return best;
}

event_pair parting_of(comparison const& c, side const& a, side const& b) {
    std::size_t const alike = alike_at_first(a, b, true);
    if (c.decision && c.decision->at.alike() && steps_before(c.decision->at.a, a) <= alike &&
        steps_before(c.decision->at.b, b) <= alike)
        return c.decision->at;
    return c.reordered ? *c.reordered : first_parting(c);
}

std::vector<changed_field> scenario_changes(std::string const& of_a, std::string const& of_b) {
    json const a = json::parse(of_a, nullptr, false), b = json::parse(of_b, nullptr, false);
    std::vector<changed_field> out;
    if (!a.is_object() || !b.is_object()) return out;
    auto const text = [](json const& object, std::string const& key) {
        auto const at = object.find(key);
        return at == object.end() ? std::string() : at->dump(-1, ' ', false, json::error_handler_t::replace);
    };
    for (auto const& [key, value] : a.items())
        if (text(a, key) != text(b, key)) out.push_back({key, text(a, key), text(b, key)});
    for (auto const& [key, value] : b.items())
        if (!a.contains(key)) out.push_back({key, "", text(b, key)});
    return out;
}

std::string ending(trace const& t) {
    if (!t.foot) return "no footer";
    if (!t.foot->signal.empty()) return t.foot->signal;
    return t.foot->exit_status ? "status " + std::to_string(*t.foot->exit_status) : "";
}

} // namespace

bool comparison::alike() const {
    return !reordered && end_a == end_b &&
        std::all_of(actors.begin(), actors.end(), [](compared_actor const& a) { return a.alike; });
}

comparison compare(trace const& ta, trace const& tb) {
    comparison c;
    side a(ta), b(tb);
    actor_pairing const who(ta, a.actors, tb, b.actors);
    std::unordered_map<std::string, std::uint32_t> known;
    a.number(known, [&](ref r) { return who.number_of_a(r); });
    b.number(known, [&](ref r) { return who.number_of_b(r); });
    bool differ = false;
    for (auto const& [in_a, in_b] : pairs(a, b, who)) {
        c.actors.push_back(aligned(in_a, in_b, a, b));
        differ = differ || !c.actors.back().alike;
    }
    if (differ) find_first(c, a, b);
    else c.reordered = reordering(a, b);
    auto const was_decided = [](trace const& t, side const& s) {
        return !t.head.schedule.empty() || !s.decisions.empty();
    };
    if (was_decided(ta, a) && was_decided(tb, b)) c.decision = first_change(ta, a, tb, b); // both are simulated
    c.scenario = scenario_changes(ta.head.scenario, tb.head.scenario);
    c.end_a = ending(ta);
    c.end_b = ending(tb);
    c.parting = parting_of(c, a, b);
    return c;
}

} // namespace shutdown_repro::traces
