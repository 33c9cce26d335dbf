#include "traces/views/who_is_who.hpp"
#include <algorithm>
#include <array>
#include <functional>

namespace shutdown_repro::traces {
namespace {

using roles = std::unordered_map<std::string, std::uint32_t>; // each role's number, in both traces

// Who needs whom to be told apart comes after them.
int round_of(entity type) {
    switch (type) {
    case entity::request: return 0;
    case entity::server:
    case entity::connection:
    case entity::client:
    case entity::loop: return 1;
    case entity::scope:
    case entity::coroutine: return 2; // in the order of the cast: parents first
    default: return 3;
    }
}

struct player {
    ref id;
    std::size_t first = 0;
    std::string name; // what tells it from others of its kind, "" when nothing does
    std::uint32_t role = 0;
    bool paired = false;
};

// One trace's players, in the order in which they appear, with their roles.
class lineup {
public:
    lineup(trace const& t, cast const& who, roles& all) : who_(who) {
        for (event const& e : t.events) note(e);
        std::vector<member const*> order;
        for (member const& m : who.in_order()) order.push_back(&m);
        std::stable_sort(
            order.begin(), order.end(), [](auto a, auto b) { return round_of(a->id.type) < round_of(b->id.type); });
        for (member const* m : order) {
            std::string const name = name_of_member(*m);
            std::string const key =
                std::to_string(static_cast<int>(m->id.type)) + "\n" + name + "\n" + std::to_string(role(owner(*m)));
            role_[m->id] = all.try_emplace(key, static_cast<std::uint32_t>(all.size()) + 1).first->second;
            players.push_back({m->id, m->first, name, role_[m->id]});
        }
        std::stable_sort(
            players.begin(), players.end(), [](player const& a, player const& b) { return a.first < b.first; });
    }

    std::vector<player> players;

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
    ref owner(member const& m) const {
        if (m.parent && m.id.type != entity::request && m.id.type != entity::connection) return m.parent;
        auto const at = listens_to_.find(m.id);
        return at == listens_to_.end() ? ref{} : at->second;
    }
    std::string name_of_member(member const& m) const {
        auto const carried = carries_.find(m.id);
        ref const stands_for = carried != carries_.end() ? carried->second : parse_ref(m.name).value_or(ref{});
        if (std::uint32_t const r = stands_for ? role(stands_for) : 0) {
            member const* known = who_.find(stands_for);
            return known && known->name.empty() ? "" : "role " + std::to_string(r);
        }
        return stands_for ? "" : m.name;
    }

    cast const& who_;
    std::unordered_map<ref, ref> carries_; // the first request of a connection or client
    std::unordered_map<ref, ref> listens_to_;
    std::unordered_map<ref, std::uint32_t> role_;
};

using key_of = std::function<std::string(player const&)>; // "" for who is left out

void pair_by(key_of const& key, lineup& a, lineup& b, std::function<void(player&, player&)> const& pair) {
    std::unordered_map<std::string, std::vector<player*>> waiting;
    for (player& p : b.players)
        if (std::string k = p.paired ? "" : key(p); !k.empty()) waiting[k].push_back(&p);
    for (auto& [k, list] : waiting) std::reverse(list.begin(), list.end());
    for (player& p : a.players) {
        auto const at = p.paired ? waiting.end() : waiting.find(key(p));
        if (at == waiting.end() || at->second.empty()) continue;
        pair(p, *at->second.back());
        at->second.pop_back();
    }
}

std::string type_text(player const& p) { return std::to_string(static_cast<int>(p.id.type)); }

ref find(std::unordered_map<ref, ref> const& in, ref who) {
    auto const at = in.find(who);
    return at == in.end() ? ref{} : at->second;
}

} // namespace

who_is_who::who_is_who(trace const& ta, cast const& in_a, trace const& tb, cast const& in_b) {
    roles all;
    lineup a(ta, in_a, all), b(tb, in_b, all);
    auto const together = [this](player& x, player& y) {
        x.paired = y.paired = true;
        pair(x.id, y.id);
    };
    pair_by([](player const& p) { return std::to_string(p.role); }, a, b, together);
    // The same name elsewhere, as when it was spawned into another scope.
    pair_by([](player const& p) { return p.name.empty() ? "" : type_text(p) + p.name; }, a, b, together);
    // A connection whose request was never read may be any: it is whoever is left.
    pair_by(
        [](player const& p) {
            return p.id.type == entity::scope || p.id.type == entity::coroutine ? "" : type_text(p);
        },
        a, b,
        [&](player& x, player& y) {
            if (x.name.empty() || y.name.empty()) together(x, y);
        });
    for (player const& p : a.players)
        if (!p.paired) number_a_[p.id] = ++last_;
    for (player const& p : b.players)
        if (!p.paired) number_b_[p.id] = ++last_;
}

void who_is_who::pair(ref a, ref b) {
    to_b_[a] = b;
    to_a_[b] = a;
    number_a_[a] = number_b_[b] = ++last_;
}

ref who_is_who::in_b(ref of_a) const { return find(to_b_, of_a); }
ref who_is_who::in_a(ref of_b) const { return find(to_a_, of_b); }

// Whoever appears only inside details is known by nothing but its type.
std::uint32_t who_is_who::number_of_a(ref who) const {
    auto const at = number_a_.find(who);
    return at == number_a_.end() ? 0 : at->second;
}
std::uint32_t who_is_who::number_of_b(ref who) const {
    auto const at = number_b_.find(who);
    return at == number_b_.end() ? 0 : at->second;
}

} // namespace shutdown_repro::traces
