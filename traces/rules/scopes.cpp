// Rules about the lifetime of scopes.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

struct scope_disposed_nonempty final : rule {
    static rule_info info() {
        return {
            .id = "scope-disposed-nonempty",
            .level = severity::error,
            .needs = scopes | coroutines,
            .kinds = {kind::scope_dispose, kind::scope_disposed},
            .summary =
                "a scope is disposed while a coroutine in it or below it is not finished and removed, or while a "
                "child scope that was used is not disposed",
            .why = "A scope owns its coroutines: they may use its memory until they are removed from it. A finished "
                   "coroutine still belongs to its scope while its completion hook runs and while its error climbs to "
                   "the parent. A disposal that is triggered from inside that window frees the scope under the "
                   "coroutine. The violation names the innermost scope that holds the coroutine. An outer scope is "
                   "named only if its own disposal never begins.",
            .cites = "true-async/server#74, libunifex#641, scylladb#1013",
            .fix = "dispose a scope only when it is strictly empty: cancel, await the removal of every coroutine, then "
                   "drop the last reference",
            .make = make<scope_disposed_nonempty>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        scope_state const* s = m.scopes.find(e.id.number);
        bool const begins =
            s ? s->disposing == e.seq : e.what == kind::scope_dispose && !m.scopes.was_closed(e.id.number);
        if (begins) report_members(e, s, m, out);
        if (e.what == kind::scope_dispose) {
            if (s && s->children && !reported_.has(e.id))
                waiting_.push_back(e.id); // the disposals of its children decide
            return;
        }
        std::erase(waiting_, e.id);
        if (s && !reported_.has(e.id) && holds_anything(e.id, *s, m)) report_rest(e.id, e.seq, m, out);
    }

    void end(model const& m, bool, rule_run& out) override {
        while (!waiting_.empty()) {
            ref const scope = waiting_.back();
            scope_state const* s = m.scopes.find(scope.number);
            if (s && !below(scope, m).empty()) report_rest(scope, s->disposing, m, out);
            std::erase(waiting_, scope);
        }
    }
    void reset() override {
        waiting_.clear();
        reported_.clear();
    }

private:
    void report_members(event const& e, scope_state const* s, model const& m, rule_run& out) {
        if (s && !s->members && e.ids_of("live").empty()) return;
        std::vector<ref> inside;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            if (c.scope == e.id) inside.push_back({entity::coroutine, n});
        });
        // The coroutines that the server itself lists count too: the trace may have begun after their spawn.
        for (ref const r : e.ids_of("live"))
            if (!m.coroutines.is_gone(r.number) && std::find(inside.begin(), inside.end(), r) == inside.end())
                inside.push_back(r);
        if (!inside.empty()) report(e.id, e.seq, inside, m, out);
    }

    // A child scope whose own disposal has begun answers for its own coroutines, but not for a scope below it.
    static bool is_forgotten(scope_state const& s) { return s.used && s.disposing == no_seq; }

    bool holds_anything(ref scope, scope_state const& s, model const& m) const {
        bool found = s.members > 0;
        if (found || s.first_child == scope_state::no_scope) return found;
        m.each_below(scope.number, [&](std::uint32_t n, scope_state const& inner) {
            if (reported_.has({entity::scope, n})) return model::walk::skip;
            found |= inner.members > 0 || is_forgotten(inner);
            return found ? model::walk::stop : model::walk::on;
        });
        return found;
    }

    void report_rest(ref scope, seq_t at, model const& m, rule_run& out) {
        std::vector<ref> inside = below(scope, m);
        if (inside.empty())
            m.each_below(scope.number, [&](std::uint32_t n, scope_state const& s) {
                bool const told = reported_.has({entity::scope, n});
                if (is_forgotten(s) && !told) inside.push_back({entity::scope, n});
                return is_forgotten(s) || told ? model::walk::skip : model::walk::on;
            });
        std::sort(inside.begin(), inside.end());
        if (!inside.empty()) report(scope, at, inside, m, out);
    }

    // The coroutines in the scope or below it, without those of which a scope below was reported.
    std::vector<ref> below(ref scope, model const& m) const {
        std::vector<ref> out;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            if (m.inside(c.scope, scope) && !is_reported(c.scope, scope, m)) out.push_back({entity::coroutine, n});
        });
        return out;
    }
    bool is_reported(ref from, ref to, model const& m) const {
        for (; from != to; from = m.scopes.find(from.number)->parent)
            if (reported_.has(from)) return true;
        return false;
    }

    void report(ref scope, seq_t at, std::span<ref const> inside, model const& m, rule_run& out) {
        violation v{.subject = scope, .at = at};
        if (m.words) v.message = m.label(scope) + " was disposed with " + names(inside) + " inside";
        show(v, m, inside);
        out.report(std::move(v));
        reported_.first(scope);
        // One defect, one violation: the outer scopes began their disposal for the same reason.
        std::erase_if(waiting_, [&](ref around) { return m.inside(scope, around); });
    }

    std::vector<ref> waiting_; // scopes whose disposal began while child scopes were not disposed
    once reported_;
};

struct scope_leaked final : rule {
    static rule_info info() {
        return {
            .id = "scope-leaked",
            .level = severity::warning,
            .needs = scopes,
            .kinds = {},
            .summary = "a scope that was opened is not disposed by the end of the trace, unless its owner is alive and "
                       "was never freed",
            .why = "A scope that is never disposed keeps its memory, and a caller that awaits its completion waits "
                   "forever. Usually the last reference was dropped on a code path that only releases the scope and "
                   "does not try to dispose it, or a coroutine in the scope never ended. A server that is never freed "
                   "may keep its own scope and the scopes around it. A server that died of a signal or a failed "
                   "assertion is not judged.",
            .cites = "",
            .fix = "try to dispose the scope whenever its last coroutine is removed and whenever its owner drops it",
            .make = make<scope_leaked>,
        };
    }

    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete) return;
        m.scopes.each([&](std::uint32_t n, scope_state const& s) {
            if (s.opened == no_seq || is_kept(n, s, m)) return;
            ref const scope{entity::scope, n};
            violation v{.subject = scope, .at = m.last, .message = m.label(scope) + " was opened and never disposed"};
            show(v, m, {&scope, 1});
            out.report(std::move(v));
        });
    }

private:
    // Its own object, or one that holds a scope below it, is alive.
    static bool is_kept(std::uint32_t scope, scope_state const& s, model const& m) {
        bool kept = s.owned && is_alive(s.server, m);
        if (s.above_owned)
            m.each_below(scope, [&](std::uint32_t, scope_state const& below) {
                kept |= below.owned && is_alive(below.server, m);
                return kept ? model::walk::stop : model::walk::on;
            });
        return kept;
    }
    // Of an unknown server, whether any is.
    static bool is_alive(ref server, model const& m) {
        bool alive = false;
        m.servers.each([&](std::uint32_t n, server_state const& s) {
            alive |= (!server || server.number == n) && s.opened != no_seq && !s.free_asked;
        });
        return alive;
    }
};

struct scope_disposed_twice final : rule {
    static rule_info info() {
        return {
            .id = "scope-disposed-twice",
            .level = severity::error,
            .needs = scopes,
            .kinds = {kind::scope_dispose, kind::scope_disposed},
            .summary = "a scope is disposed twice",
            .why = "Disposal frees memory: a second disposal works on memory that is freed or about to be freed. It "
                   "happens when two code paths both believe that they hold the last reference, or when code that runs "
                   "during the disposal starts it again.",
            .cites = "",
            .fix = "mark the scope when its disposal begins, and give the last reference exactly one holder",
            .make = make<scope_disposed_twice>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        scope_state const* s = m.scopes.find(e.id.number);
        bool const gone = !s && m.scopes.was_closed(e.id.number);
        bool const begun = s && s->disposing != e.seq && e.what == kind::scope_dispose;
        if ((!gone && !begun) || !reported_.first(e.id)) return;
        violation v{.subject = e.id, .at = e.seq};
        v.message = m.label(e.id) + " was disposed a second time, " +
            (gone ? "after it was freed" : "while it was being disposed");
        if (begun) v.witness.push_back(s->disposing);
        out.report(std::move(v));
    }
    void reset() override { reported_.clear(); }

private:
    once reported_;
};

struct spawn_after_close final : rule {
    static rule_info info() {
        return {
            .id = "spawn-after-close",
            .level = severity::error,
            .needs = scopes | coroutines,
            .kinds = {kind::coroutine_remove},
            .summary = "a coroutine that is spawned into a closed scope does not run, is not refused and is not ended",
            .why =
                "The caller that submits work must learn what became of it. A closed scope has to refuse the spawn, "
                "run the coroutine, or end it as \"never ran\". If the work is accepted and forgotten, its submitter "
                "waits forever. A server that died of a signal or a failed assertion is not judged.",
            .cites = "tokio#7499, swift-nio#1383, puma#4015",
            .fix = "check for \"closed\" and queue the work in one step, and refuse with an error that the submitter "
                   "sees",
            .make = make<spawn_after_close>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (coroutine_state const* const c = m.removed_unfinished(e); c && is_dropped(*c))
            report(e.id, *c, e.seq, m, out);
    }
    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete) return;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            if (is_dropped(c)) report({entity::coroutine, n}, c, m.last, m, out);
        });
    }

private:
    static bool is_dropped(coroutine_state const& c) {
        return c.after_close && c.started == no_seq && c.finished == no_seq;
    }
    static void report(ref who, coroutine_state const& c, seq_t at, model const& m, rule_run& out) {
        violation v{.subject = who, .at = at};
        v.message =
            m.label(who) + " was spawned into the closed " + to_string(c.scope) + ", and neither ran nor was refused";
        show(v, m, {&who, 1});
        out.report(std::move(v));
    }
};

} // namespace

std::span<rule_info const> scope_rules() {
    static std::array const rules = {
        scope_disposed_nonempty::info(), scope_leaked::info(), scope_disposed_twice::info(), spawn_after_close::info()};
    return rules;
}

} // namespace shutdown_repro::traces
