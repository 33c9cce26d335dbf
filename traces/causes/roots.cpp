#include "traces/causes/roots.hpp"
#include <algorithm>
#include <numeric>
#include "traces/causes/alike.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {

void root_finder::note(event const& e) {
    note_request(e);
    note_process(e);
    acted_ = acted_ || is_act(e.what);
    note_default_action(e);
    if (!acted_ && e.what != kind::process_status) return;
    graph_.note(e);
    note_end(e);
}

void root_finder::note(footer const& f) {
    died_unrecorded_ = f.signal == "SIGABRT" && assertion_ != no_seq && !exited_;
}

void root_finder::note_request(event const& e) {
    bool const begins = e.what == kind::request_open || e.what == kind::request_begin;
    if (begins && e.parent.type == entity::connection) connection_of_[e.id] = e.parent;
    if (e.what == kind::request_finish && !acted_) connection_of_.erase(e.id);
}

void root_finder::note_process(event const& e) {
    if (e.id.type != entity::process) return;
    if (!process_) process_ = e.id;
    if (e.what == kind::process_exit) others_.erase(e.id);
    else if (e.id.number != 1) others_.insert(e.id);
    several_ = several_ || e.id != process_ || (e.what == kind::process_ready && e.integer("workers", 1) > 1);
}

void root_finder::note_default_action(event const& e) {
    auto& a = default_action_;
    bool const loss = e.what == kind::client_closed || (e.what == kind::client_fail && ends_connection(e.text("how")));
    if (loss && a.sent != no_seq) a.lost.push_back(e.seq);
    if (e.id.type != entity::process || e.id.number != 1) return;
    bool const same = !a.signal.empty() && e.text("signal") == a.signal;
    if (e.what == kind::process_status && !acted_) {
        bool const untouched = !e.integer("caught", 1) && !e.integer("ignored") && !e.integer("blocked");
        a.signal = untouched ? e.text("signal") : "";
        a.seen = e.seq;
    } else if (e.what == kind::process_signal && same && e.integer("stop") && a.sent == no_seq) {
        a.sent = e.seq;
        a.others = !others_.empty();
    } else if (e.what == kind::process_exit) {
        a.died = same && a.sent != no_seq;
    }
}

// The kernel closes the connections before the parent hears of the death, so a client may see it first.
void root_finder::link_default_action() {
    if (!default_action_.died || default_action_.others) return;
    for (seq_t const at : default_action_.lost) implied_.try_emplace(at, default_action_.seen);
}

// What ends connections and the process.
void root_finder::note_end(event const& e) {
    if (e.what == kind::connection_close) closed_.try_emplace(e.id, e.seq);
    if (e.what == kind::assertion) assertion_ = e.seq;
    if (e.what == kind::client_fail && (e.text("how") == "eof" || e.text("how") == "reset"))
        lost_.push_back({e.seq, e.id_of("request")});
    exited_ = exited_ || e.what == kind::process_exit;
    if (e.what != kind::process_exit || e.text("signal").empty() || death_ != no_seq) return;
    bool const of_assertion = assertion_ != no_seq && e.text("signal") == "SIGABRT";
    if (e.because.empty() && of_assertion) implied_[died_of_assertion_ = e.seq] = assertion_;
    if (!e.because.empty() || of_assertion) death_ = e.seq;
}

// A client sees the end of its connection because the server closed it or died. Its record may precede that of the
// close, which is written once close(2) has returned.
void root_finder::link_losses() {
    for (lost_connection const& l : lost_) {
        auto const connection = connection_of_.find(l.request);
        if (connection == connection_of_.end()) continue;
        if (auto const closed = closed_.find(connection->second); closed != closed_.end())
            implied_[l.at] = closed->second;
        else if (death_ != no_seq && !several_ && l.at > std::min(assertion_, death_)) implied_[l.at] = death_;
    }
}

// The events that it follows from, without itself. Stop and signals are reached and not passed; free only when asked
// to.
std::vector<seq_t> root_finder::back_from(seq_t from, bool through_free) const {
    std::vector<seq_t> reached, todo{from};
    std::unordered_set<seq_t> seen{from};
    auto const add = [&](seq_t why) {
        auto const what = graph_.kind_of(why);
        if (!what || !seen.insert(why).second) return;
        reached.push_back(why);
        if (!is_act(*what) || (through_free && *what == kind::act_free)) todo.push_back(why);
    };
    while (!todo.empty()) {
        seq_t const at = todo.back();
        todo.pop_back();
        for (seq_t const why : graph_.causes_of(at)) add(why);
        if (auto const why = implied_.find(at); why != implied_.end()) add(why->second);
    }
    return reached;
}

// The roots of one list of violations.
class root_search {
public:
    root_search(root_finder const& f, std::span<violation const> all) : finder_(f), all_(all), root_(all.size()) {
        std::iota(root_.begin(), root_.end(), std::size_t{0});
        for (std::size_t i = 0; i < all.size(); ++i)
            if (explains(i)) broken_at_[all[i].at].push_back(i);
    }

    std::vector<defect_place> places() {
        for (std::size_t i = 0; i < all_.size(); ++i) root_[i] = earliest(i, false);
        std::vector<std::size_t> const strong = root_;
        std::size_t const fatal = fatal_root();
        for (std::size_t i = 0; i < all_.size(); ++i) root_[i] = strong[i] == i ? earliest(i, true) : root_[strong[i]];
        std::size_t const led = fatal < all_.size() ? root_[fatal] : fatal;
        std::vector<defect_place> out(all_.size());
        for (std::size_t i = 0; i < all_.size(); ++i) out[i] = place(i, root_[i] == led ? fatal : root_[i]);
        return out;
    }

private:
    // What is broken by a call of stop or free is no cause of all that the call does, and a note is no defect.
    bool explains(std::size_t i) const {
        auto const what = finder_.graph_.kind_of(all_[i].at);
        return what && !is_act(*what) && all_[i].level != severity::note;
    }

    // Its event is the last of the trace, whatever that is.
    bool is_unrecorded_death(std::size_t i) const {
        return finder_.died_unrecorded_ && all_[i].rule == "crash-on-stop";
    }

    // The root, so far, of the earliest violation that this one follows from.
    std::size_t earliest(std::size_t i, bool through_free) const {
        std::size_t best = root_[i];
        auto const follows_from = [&](seq_t at) {
            auto const found = broken_at_.find(at);
            if (found == broken_at_.end() || at >= all_[i].at) return;
            for (std::size_t const cause : found->second) best = std::min(best, root_[cause]);
        };
        for (seq_t const at : finder_.back_from(all_[i].at, through_free)) follows_from(at);
        if (is_unrecorded_death(i)) follows_from(finder_.assertion_);
        for (seq_t const at : all_[i].witness) follows_from(at);
        for (std::size_t j = i; j-- > 0 && all_[j].at == all_[i].at;)
            if (explains(j) && all_[i].witness.size() > 1 && all_[j].witness == all_[i].witness)
                best = std::min(best, root_[j]);
        return best;
    }

    // What the process died of, none: the number of violations. A death that no other violation explains is no
    // explanation.
    std::size_t fatal_root() const {
        for (std::size_t i = 0; i < all_.size(); ++i)
            if ((all_[i].at == finder_.death_ || is_unrecorded_death(i)) && root_[i] != i) return root_[i];
        return all_.size();
    }

    defect_place place(std::size_t i, std::size_t root) const {
        if (i == root) return {root, defect_part::root};
        auto const what = finder_.graph_.kind_of(all_[i].at);
        bool const seen_by_client = what && name_of(*what).starts_with("client.");
        return {root, i > root || seen_by_client ? defect_part::after : defect_part::before};
    }

    root_finder const& finder_;
    std::span<violation const> all_;
    std::vector<std::size_t> root_;
    std::unordered_map<seq_t, std::vector<std::size_t>> broken_at_;
};

void root_finder::forget_deaths() {
    implied_.erase(died_of_assertion_);
    if (death_ == died_of_assertion_) death_ = no_seq;
}

std::vector<defect_place> root_finder::roots_of(std::span<violation const> all) {
    if (several_) forget_deaths();
    link_losses();
    link_default_action();
    std::vector<defect_place> places = root_search(*this, all).places();
    mark_alike(all, places);
    return places;
}

// Violations without messages, as an exploration has them, are alike to none.
void root_finder::mark_alike(std::span<violation const> all, std::span<defect_place> places) const {
    std::unordered_map<std::string, std::size_t> first;
    for (std::size_t i = 0; i < all.size(); ++i) {
        places[i].like = i;
        if (places[i].is != defect_part::root || all[i].message.empty()) continue;
        auto const what = graph_.kind_of(all[i].at);
        std::string const phase = what ? std::string(name_of(*what)) : "before the stop";
        places[i].like = first.try_emplace(phase + " " + shape_of(all[i]), i).first->second;
    }
}

std::vector<defect_place> roots_of(trace const& t, std::span<violation const> all) {
    root_finder finder;
    for (event const& e : t.events) finder.note(e);
    if (t.foot) finder.note(*t.foot);
    return finder.roots_of(all);
}

std::size_t defects_in(std::span<violation const> all, std::span<defect_place const> roles) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < all.size(); ++i)
        n += roles[i].is == defect_part::root && roles[i].like == i && all[i].level != severity::note;
    return n;
}

namespace {

bool belongs(std::span<defect_place const> roles, std::size_t i, std::size_t root) {
    return roles[i].root == root || roles[roles[i].root].like == root;
}

} // namespace

severity level_of_defect(std::span<violation const> all, std::span<defect_place const> roles, std::size_t root) {
    severity gravest = all[root].level;
    for (std::size_t i = 0; i < all.size(); ++i)
        if (belongs(roles, i, root)) gravest = std::max(gravest, all[i].level);
    return gravest;
}

std::string message_of_root(std::span<violation const> all, std::span<defect_place const> roles, std::size_t root) {
    std::vector<violation const*> alike;
    for (std::size_t i = 0; i < all.size(); ++i)
        if (i == root || (roles[i].is == defect_part::root && roles[i].like == root)) alike.push_back(&all[i]);
    return message_of_all(alike);
}

std::vector<std::vector<violation const*>> grouped_under(
    std::span<violation const> all, std::span<defect_place const> roles, std::size_t root, defect_part wanted) {
    std::vector<std::vector<violation const*>> groups;
    std::unordered_map<std::string, std::size_t> group_of;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (roles[i].is != wanted || !belongs(roles, i, root)) continue;
        std::string const shape = all[i].message.empty() ? std::to_string(i) : shape_of(all[i]);
        auto const [at, fresh] = group_of.try_emplace(shape, groups.size());
        if (fresh) groups.emplace_back();
        groups[at->second].push_back(&all[i]);
    }
    return groups;
}

std::string rules_under(
    std::span<violation const> all, std::span<defect_place const> roles, std::size_t root, defect_part wanted) {
    std::vector<std::pair<std::string_view, std::size_t>> rules;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!belongs(roles, i, root) || roles[i].is != wanted) continue;
        auto const at = std::ranges::find(rules, all[i].rule, &std::pair<std::string_view, std::size_t>::first);
        at == rules.end() ? void(rules.emplace_back(all[i].rule, 1)) : void(++at->second);
    }
    std::string out;
    for (auto const& [rule, count] : rules) {
        out.append(out.empty() ? "" : ", ").append(rule);
        if (count > 1) out += " (" + std::to_string(count) + ")";
    }
    return out;
}

} // namespace shutdown_repro::traces
