#include <array>
#include <utility>
#include "traces/rules/family.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {
namespace {

struct observed_word {
    unsigned bit;
    std::string_view word;
};
constexpr std::array<observed_word, 13> observed_words = {{
    {scopes, "scopes"},
    {coroutines, "coroutines"},
    {requests, "requests"},
    {connections, "connections"},
    {server_acts, "server"},
    {clients, "clients"},
    {process, "process"},
    {loops, "loops"},
    {timers, "timers"},
    {callbacks, "callbacks"},
    {listeners, "listeners"},
    {hooks, "hooks"},
    {dependencies, "dependencies"},
}};

// Returns the group of facts of a kind, by the first word of its name.
unsigned group_of(kind k) {
    static constexpr std::array<observed_word, 14> prefixes = {{
        {scopes, "scope."},
        {coroutines, "coroutine."},
        {requests, "request."},
        {connections, "connection."},
        {server_acts, "server."},
        {server_acts, "act."},
        {clients, "client."},
        {process, "process."},
        {loops, "loop."},
        {timers, "timer."},
        {callbacks, "callback."},
        {listeners, "listener."},
        {hooks, "hook."},
        {dependencies, "object.depend"},
    }};
    for (observed_word const& p : prefixes)
        if (name_of(k).starts_with(p.word)) return p.bit;
    return 0;
}

std::array<unsigned, kind_count> const groups = [] {
    std::array<unsigned, kind_count> out{};
    for (std::size_t k = 0; k < kind_count; ++k) out[k] = group_of(static_cast<kind>(k));
    return out;
}();

constexpr std::size_t lines_at_most = 16;

bool is_word_of(std::string_view word, std::string_view words) {
    while (!words.empty()) {
        std::size_t const end = std::min(words.find(' '), words.size());
        if (words.substr(0, end) == word) return true;
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return false;
}

void add_witness(violation& v, seq_t seq) {
    if (seq != no_seq) v.witness.push_back(seq);
}

} // namespace

std::string_view name_of(severity s) {
    static constexpr std::array<std::string_view, 3> names = {"note", "warning", "error"};
    return names[static_cast<std::size_t>(s)];
}

std::string_view name_of(verdict v) {
    static constexpr std::array<std::string_view, 3> names = {"clean", "violated", "inconclusive"};
    return names[static_cast<std::size_t>(v)];
}

std::string observes_text(unsigned bits) {
    std::string out;
    for (observed_word const& w : observed_words)
        if (bits & w.bit) out.append(out.empty() ? "" : ", ").append(w.word);
    return out;
}

unsigned parse_observes(std::string_view words) {
    unsigned bits = 0;
    while (!words.empty()) {
        std::size_t const end = std::min(words.find(' '), words.size());
        for (observed_word const& w : observed_words)
            if (words.substr(0, end) == w.word) bits |= w.bit;
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return bits;
}

std::string needs_text(rule_info const& info) {
    std::string out = observes_text(info.needs);
    if (!info.needs_one_of) return out;
    return out + (out.empty() ? "one of " : " and one of ") + observes_text(info.needs_one_of);
}

std::span<rule_info const> all_rules() {
    static std::vector<rule_info> const all = [] {
        std::vector<rule_info> out;
        for (auto const family :
            {scope_rules(), lifetime_rules(), memory_rules(), timer_rules(), callback_rules(), loop_rules(),
                stop_rules(), client_rules(), answer_rules(), race_rules(), announce_rules(), delay_rules(),
                time_rules(), process_rules(), effect_rules(), act_rules(), unix_path_rules(), wrapper_rules()})
            out.insert(out.end(), family.begin(), family.end());
        return out;
    }();
    return all;
}

rule_info const* find_rule(std::string_view id) {
    for (rule_info const& r : all_rules())
        if (r.id == id) return &r;
    return nullptr;
}

std::string names(std::span<ref const> who) {
    if (who.empty()) return "nothing";
    std::string out = to_string(who[0]);
    if (who.size() == 2) out += " and " + to_string(who[1]);
    if (who.size() > 2) out += " and " + std::to_string(who.size() - 1) + " more";
    return out;
}

void show(violation& v, model const& m, std::span<ref const> who) {
    v.witness.reserve(v.witness.size() + 4 * std::min(who.size(), lines_at_most) + 1);
    for (ref const r : who.first(std::min(who.size(), lines_at_most))) {
        if (m.words) v.inside.push_back(m.who(r));
        if (r.type == entity::coroutine) {
            if (auto const* c = m.coroutines.find(r.number))
                for (seq_t const s : {c->spawned, c->suspended, m.cancel_of(*c), c->finished}) add_witness(v, s);
        } else if (r.type == entity::request) {
            if (auto const* q = m.requests.find(r.number))
                for (seq_t const s : {q->begun, q->responded, q->queued, q->entered, q->closed}) add_witness(v, s);
        } else if (r.type == entity::timer) {
            if (auto const* t = m.timers.find(r.number)) add_witness(v, t->armed);
        } else if (auto const* s = r.type == entity::scope ? m.scopes.find(r.number) : nullptr) {
            add_witness(v, s->opened);
        }
    }
    if (!m.words || who.size() <= lines_at_most) return;
    v.inside_unnamed = who.size() - lines_at_most;
    v.inside.push_back("and " + std::to_string(v.inside_unnamed) + " more");
}

std::string duration_text(nanoseconds ns) {
    if (ns < 1'000'000) return std::to_string(ns / 1000) + " us";
    if (ns < 10'000'000'000) return std::to_string(ns / 1'000'000) + " ms";
    return std::to_string(ns / 1'000'000'000) + " s";
}

struct rule_run::entry {
    rule_info const* info;
    std::unique_ptr<rule> judge;
    bool reported = false;
};

rule_run::rule_run() {
    std::vector<rule_info const*> all;
    for (rule_info const& info : all_rules()) all.push_back(&info);
    add(all);
}

rule_run::rule_run(std::span<rule_info const* const> wanted) { add(wanted); }

rule_run::~rule_run() = default;

void rule_run::add(std::span<rule_info const* const> wanted) {
    by_kind_.resize(kind_count);
    entries_.reserve(wanted.size());
    for (rule_info const* const info : wanted) {
        entry& x = entries_.emplace_back(info, info->make());
        listener const l{x.judge.get(), &x};
        for (kind const k : info->kinds) by_kind_[static_cast<std::size_t>(k)].push_back(l);
        if (l.judge->judges_at_end) at_end_.push_back(l);
        if (l.judge->keeps_state) with_state_.push_back(l.judge);
    }
}

void rule_run::on_header(header const& h) {
    declared_ = parse_observes(h.observes);
    allowed_ = h.allow;
}

// An object.free of a type that has a kind of its own for that is such an event: a server that is freed in this way
// is no less gone.
static kind own_kind_of_free(entity type) {
    switch (type) {
    case entity::server: return kind::server_free;
    case entity::scope: return kind::scope_disposed;
    case entity::coroutine: return kind::coroutine_remove;
    case entity::request: return kind::request_free;
    default: return kind::object_free;
    }
}

void rule_run::put_free(event const& e) {
    event own = e;
    own.what = own_kind_of_free(e.id.type);
    own.what == e.what ? judge_one(e) : judge_one(own);
}

void rule_run::put(event const& e) {
    if (e.what == kind::object_free) [[unlikely]]
        return put_free(e);
    judge_one(e);
}

inline void rule_run::judge_one(event const& e) {
    auto const k = static_cast<std::size_t>(e.what);
    seen_ |= groups[k];
    model_.apply(e);
    for (listener const& l : by_kind_[k]) {
        current_ = &l;
        l.judge->on(e, model_, *this);
    }
    model_.forget(e);
}

void rule_run::on_footer(footer const& f) {
    lost_events_ = f.dropped > 0;
    model_.apply(f);
    if (model_.process_exited) seen_ |= process;
}

void rule_run::finish(bool complete) {
    bool const whole = complete && !lost_events_ && !model_.died();
    for (listener const& l : at_end_) {
        current_ = &l;
        l.judge->end(model_, whole, *this);
    }
}

void rule_run::reset() {
    for (rule* const r : with_state_) r->reset();
    if (!found_.empty())
        for (entry& x : entries_) x.reported = false;
    model_.clear();
    declared_ = seen_ = 0;
    allowed_.clear();
    lost_events_ = false;
    found_.clear();
}

void rule_run::report(violation v) {
    entry& by = *current_->of;
    v.rule = by.info->id;
    if (!model_.words) v.message.clear();
    v.level = is_word_of(v.rule, allowed_) ? severity::note : std::max(v.level, by.info->level);
    add_witness(v, v.at);
    std::sort(v.witness.begin(), v.witness.end());
    v.witness.erase(std::unique(v.witness.begin(), v.witness.end()), v.witness.end());
    by.reported = true;
    if (found_.empty() || found_.back().at < v.at) return found_.push_back(std::move(v));
    auto const place = [](violation const& x) { return std::pair(x.at, find_rule(x.rule)); };
    auto const at = std::upper_bound(
        found_.begin(), found_.end(), v, [&](violation const& a, violation const& b) { return place(a) < place(b); });
    found_.insert(at, std::move(v));
}

std::vector<rule_run::skipped> rule_run::not_applicable() const {
    std::vector<skipped> out;
    unsigned const there = declared_ | seen_;
    for (entry const& x : entries_) {
        if (x.reported) continue;
        unsigned const all = x.info->needs & ~there, one = x.info->needs_one_of;
        std::string lacks;
        if (all) lacks = observes_text(all) + " facts";
        if (one && !(one & there)) lacks += (lacks.empty() ? "" : " and ") + observes_text(one) + " facts";
        if (lacks.empty()) lacks = x.judge->lacks(model_);
        if (!lacks.empty()) out.push_back({x.info, std::move(lacks)});
    }
    return out;
}

verdict verdict_of(std::vector<violation> const& found, bool complete) {
    for (violation const& v : found)
        if (v.level != severity::note) return verdict::violated;
    return complete ? verdict::clean : verdict::inconclusive;
}

} // namespace shutdown_repro::traces
