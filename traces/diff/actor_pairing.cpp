#include "traces/diff/actor_pairing.hpp"
#include <algorithm>
#include <array>
#include <functional>

namespace shutdown_repro::traces {
namespace {

using roles = std::unordered_map<std::string, std::uint32_t>; // the number of each role; the same for both traces

// Roles are computed in rounds: an actor whose role depends on another actor comes in a later round.
int round_of(entity type) {
    switch (type) {
    case entity::request: return 0;
    case entity::server:
    case entity::connection:
    case entity::client:
    case entity::loop: return 1;
    case entity::scope:
    case entity::coroutine: return 2; // in the order of the actor list: parents first
    default: return 3;
    }
}

struct candidate {
    ref id;
    std::size_t first = 0;
    std::string name; // distinguishes it from others of its type; "" if nothing does
    std::uint32_t role = 0;
    bool paired = false;
};

// The actors of one trace, in the order in which they appear, with their roles.
class candidate_list {
public:
    candidate_list(trace const& t, actor_list const& who, roles& all) : actors_(who) {
        for (event const& e : t.events) note(e);
        std::vector<actor const*> order;
        for (actor const& m : who.in_order()) order.push_back(&m);
        std::stable_sort(
            order.begin(), order.end(), [](auto a, auto b) { return round_of(a->id.type) < round_of(b->id.type); });
        for (actor const* m : order) {
            std::string const name = name_of_actor(*m);
            std::string const key =
                std::to_string(static_cast<int>(m->id.type)) + "\n" + name + "\n" + std::to_string(role(owner(*m)));
            role_[m->id] = all.try_emplace(key, static_cast<std::uint32_t>(all.size()) + 1).first->second;
            candidates.push_back({m->id, m->first, name, role_[m->id]});
        }
        std::stable_sort(candidates.begin(), candidates.end(),
            [](candidate const& a, candidate const& b) { return a.first < b.first; });
    }

    std::vector<candidate> candidates;

private:
    void note(event const& e) {
        if (e.id.type == entity::request && e.parent) carries_.try_emplace(e.parent, e.id);
        if (ref const request = e.id_of("request"); e.id.type == entity::client && request)
            carries_.try_emplace(e.id, request);
        if (ref const listener = e.id_of("listener"); listener) listens_to_.try_emplace(listener, e.id);
    }
    std::uint32_t role(ref who) const {
        auto const at = role_.find(who);
        return at == role_.end() ? 0 : at->second;
    }
    ref owner(actor const& m) const {
        if (m.parent && m.id.type != entity::request && m.id.type != entity::connection) return m.parent;
        auto const at = listens_to_.find(m.id);
        return at == listens_to_.end() ? ref{} : at->second;
    }
    std::string name_of_actor(actor const& m) const {
        auto const carried = carries_.find(m.id);
        ref const stands_for = carried != carries_.end() ? carried->second : parse_ref(m.name).value_or(ref{});
        if (std::uint32_t const r = stands_for ? role(stands_for) : 0) {
            actor const* known = actors_.find(stands_for);
            return known && known->name.empty() ? "" : "role " + std::to_string(r);
        }
        return stands_for ? "" : m.name;
    }

    actor_list const& actors_;
    std::unordered_map<ref, ref> carries_; // the first request of a connection or client
    std::unordered_map<ref, ref> listens_to_;
    std::unordered_map<ref, std::uint32_t> role_;
};

using key_function = std::function<std::string(candidate const&)>; // "" leaves the candidate out

void pair_by(key_function const& key, candidate_list& a, candidate_list& b,
    std::function<void(candidate&, candidate&)> const& pair) {
    std::unordered_map<std::string, std::vector<candidate*>> waiting;
    for (candidate& p : b.candidates)
        if (std::string k = p.paired ? "" : key(p); !k.empty()) waiting[k].push_back(&p);
    for (auto& [k, list] : waiting) std::reverse(list.begin(), list.end());
    for (candidate& p : a.candidates) {
        auto const at = p.paired ? waiting.end() : waiting.find(key(p));
        if (at == waiting.end() || at->second.empty()) continue;
        pair(p, *at->second.back());
        at->second.pop_back();
    }
}

std::string type_text(candidate const& p) { return std::to_string(static_cast<int>(p.id.type)); }

ref find(std::unordered_map<ref, ref> const& in, ref who) {
    auto const at = in.find(who);
    return at == in.end() ? ref{} : at->second;
}

} // namespace

actor_pairing::actor_pairing(trace const& ta, actor_list const& in_a, trace const& tb, actor_list const& in_b) {
    roles all;
    candidate_list a(ta, in_a, all), b(tb, in_b, all);
    auto const together = [this](candidate& x, candidate& y) {
        x.paired = y.paired = true;
        pair(x.id, y.id);
    };
    pair_by([](candidate const& p) { return std::to_string(p.role); }, a, b, together);
    // Then by name alone: the same coroutine may have been spawned into another scope.
    pair_by([](candidate const& p) { return p.name.empty() ? "" : type_text(p) + p.name; }, a, b, together);
    // A connection whose request was never read has no name, so it is paired with any connection that is left.
    pair_by(
        [](candidate const& p) {
            return p.id.type == entity::scope || p.id.type == entity::coroutine ? "" : type_text(p);
        },
        a, b,
        [&](candidate& x, candidate& y) {
            if (x.name.empty() || y.name.empty()) together(x, y);
        });
    for (candidate const& p : a.candidates)
        if (!p.paired) number_a_[p.id] = ++last_;
    for (candidate const& p : b.candidates)
        if (!p.paired) number_b_[p.id] = ++last_;
}

void actor_pairing::pair(ref a, ref b) {
    to_b_[a] = b;
    to_a_[b] = a;
    number_a_[a] = number_b_[b] = ++last_;
}

ref actor_pairing::in_b(ref of_a) const { return find(to_b_, of_a); }
ref actor_pairing::in_a(ref of_b) const { return find(to_a_, of_b); }

// An actor that appears only in details has no number.
std::uint32_t actor_pairing::number_of_a(ref who) const {
    auto const at = number_a_.find(who);
    return at == number_a_.end() ? 0 : at->second;
}
std::uint32_t actor_pairing::number_of_b(ref who) const {
    auto const at = number_b_.find(who);
    return at == number_b_.end() ? 0 : at->second;
}

} // namespace shutdown_repro::traces
