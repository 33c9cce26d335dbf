// Rules about ownership and lifetime: scopes, coroutines and requests.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/held.hpp"

namespace shutdown_repro::traces {
namespace {

// ---- scopes

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
        if (s && (s->members || s->children) && !reported_.has(e.id)) report_rest(e.id, e.seq, m, out);
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

    void report_rest(ref scope, seq_t at, model const& m, rule_run& out) {
        std::vector<ref> inside = below(scope, m);
        if (inside.empty())
            m.scopes.each([&](std::uint32_t n, scope_state const& s) {
                if (s.parent == scope && s.used && s.disposing == no_seq) inside.push_back({entity::scope, n});
            });
        if (!inside.empty()) report(scope, at, inside, m, out);
    }

    static std::vector<ref> below(ref scope, model const& m) {
        std::vector<ref> out;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            if (m.inside(c.scope, scope)) out.push_back({entity::coroutine, n});
        });
        return out;
    }

    void report(ref scope, seq_t at, std::span<ref const> inside, model const& m, rule_run& out) {
        violation v{
            .subject = scope, .at = at, .message = m.label(scope) + " was disposed with " + names(inside) + " inside"};
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
            .kinds = {kind::act_free},
            .summary = "a scope is not disposed by the end of the trace, unless its owner is alive and was never freed",
            .why = "A scope that is never disposed keeps its memory, and a caller that awaits its completion waits "
                   "forever. Usually the last reference was dropped on a code path that only releases the scope and "
                   "does not try to dispose it, or a coroutine in the scope never ended. A server that is never freed "
                   "may keep its own scope. A server that died of a signal or a failed assertion is not judged.",
            .cites = "",
            .fix = "try to dispose the scope whenever its last coroutine is removed and whenever its owner drops it",
            .make = make<scope_leaked>,
        };
    }

    void on(event const&, model const&, rule_run&) override { free_called_ = true; }
    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete) return;
        m.scopes.each([&](std::uint32_t n, scope_state const& s) {
            if ((s.owned || s.above_owned) && m.servers.size() > 0 && !free_called_) return;
            ref const scope{entity::scope, n};
            violation v{.subject = scope, .at = m.last, .message = m.label(scope) + " was opened and never disposed"};
            show(v, m, {&scope, 1});
            out.report(std::move(v));
        });
    }
    void reset() override { free_called_ = false; }

private:
    bool free_called_ = false; // then the owner and its scopes had to be freed
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
            .kinds = {},
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

    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete) return;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            if (!c.after_close || c.started != no_seq || c.finished != no_seq) return;
            ref const who{entity::coroutine, n};
            violation v{.subject = who, .at = m.last};
            v.message = m.label(who) + " was spawned into the closed " + to_string(c.scope) +
                ", and neither ran nor was refused";
            show(v, m, {&who, 1});
            out.report(std::move(v));
        });
    }
};

// ---- coroutines

// A cancellation makes a suspended coroutine ready to run; a safe cancellation only marks it, and it stays suspended.
bool made_ready_by_cancel(coroutine_state const& c) {
    return c.suspended != no_seq && c.cancel_requested != no_seq && (c.hard || !c.zombie);
}

struct cancelled_not_awaited final : rule {
    static rule_info info() {
        return {
            .id = "cancelled-not-awaited",
            .level = severity::error,
            .needs = coroutines | server_acts,
            .kinds = {kind::server_stopped, kind::server_free},
            .summary = "a coroutine was asked to cancel, and the server stopped or was freed before the coroutine was "
                       "finished and removed",
            .why = "A cancellation is only a request: cleanup may wait, and a safe cancellation lets the handler "
                   "continue as a zombie. Stop has to await the end of every coroutine that it cancelled, not only of "
                   "the first one that ends. A coroutine that still works when stop returns works in a server that its "
                   "owner believes to be at rest. The coroutine that returns from start, and coroutines of scopes "
                   "outside the server, are exempt.",
            .cites = "aspnet/KestrelHttpServer#1258",
            .fix = "after cancelling, wait in a loop until the scope is strictly empty, zombies and completion hooks "
                   "included",
            .make = make<cancelled_not_awaited>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (reported_.has(e.id)) return;
        std::vector<ref> inside;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            ref const who{entity::coroutine, n};
            scope_state const* s = c.scope ? m.scopes.find(c.scope.number) : nullptr;
            bool const elsewhere = (s && s->above_owned) || (e.what == kind::server_stopped && e.by == who);
            if (!elsewhere && m.cancel_of(c) != no_seq && !m.is_background(c)) inside.push_back(who);
        });
        if (inside.empty()) return;
        reported_.first(e.id);
        violation v{.subject = e.id, .at = e.seq};
        v.message = m.label(e.id) + (e.what == kind::server_free ? " was freed" : " stopped") +
            " before the cancelled " + names(inside) + " had ended";
        show(v, m, inside);
        out.report(std::move(v));
    }
    void reset() override { reported_.clear(); }

private:
    once reported_;
};

struct coroutine_lost final : rule {
    static rule_info info() {
        return {
            .id = "coroutine-lost",
            .level = severity::error,
            .needs = coroutines,
            .kinds = {kind::coroutine_finish, kind::loop_stop},
            .summary = "a coroutine never finished, was finished while suspended, or waited for an event that could no "
                       "longer happen",
            .why = "An abandoned coroutine runs neither the rest of its body nor its cleanup: locks stay held, the "
                   "response is never sent, and a caller that awaits the coroutine never continues. A server that died "
                   "of a signal or a failed assertion is not judged. Three cases have rules of their own: "
                   "spawn-after-close for work that a closed scope accepted and dropped, background-work-lost for "
                   "detached work whose response was sent, and stop-from-handler-deadlock for a coroutine that waits "
                   "for the stop that it called.",
            .cites = "uvicorn#2433, beast#290",
            .fix = "keep every coroutine reachable from a scope that is awaited before the loop ends",
            .make = make<coroutine_lost>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::loop_stop) return on_stall(e, m, out);
        coroutine_state const* c = m.coroutines.find(e.id.number);
        if (!c || c->finished != e.seq || c->suspended == no_seq || made_ready_by_cancel(*c) || e.integer("queued") ||
            has_another_name(*c, m))
            return;
        report(e.id, e.seq, m.label(e.id) + " was finished while it was suspended: the rest of its body never ran", m,
            out);
    }

    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete) return;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            ref const who{entity::coroutine, n};
            if (c.finished != no_seq || (c.after_close && c.started == no_seq) || has_another_name(c, m) ||
                who == waits_for_itself(m))
                return;
            report(who, m.last,
                m.label(who) + (c.started == no_seq ? " was spawned and never ran" : " was started and never finished"),
                m, out);
        });
    }

private:
    static bool has_another_name(coroutine_state const& c, model const& m) {
        return m.t0 != no_seq && m.is_background(c);
    }

    // No event could happen any more: the remaining coroutines would wait forever.
    static void on_stall(event const& e, model const& m, rule_run& out) {
        if (e.text("why") != "stall" || m.t0 == no_seq) return;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            ref const who{entity::coroutine, n};
            if (c.finished == no_seq && who != waits_for_itself(m))
                report(who, e.seq, m.label(who) + " waited for an event that could no longer happen", m, out);
        });
    }

    static void report(ref who, seq_t at, std::string message, model const& m, rule_run& out) {
        violation v{.subject = who, .at = at, .message = std::move(message)};
        show(v, m, {&who, 1});
        out.report(std::move(v));
    }
};

struct coroutine_resumed_after_finish final : rule {
    static rule_info info() {
        return {
            .id = "coroutine-resumed-after-finish",
            .level = severity::error,
            .needs = coroutines,
            .kinds = {kind::coroutine_suspend, kind::coroutine_resume},
            .summary = "a coroutine is resumed after it has finished, unless its completion hook had suspended it",
            .why =
                "A finished coroutine has no body left to run: resuming it runs code on a frame that may be freed. A "
                "timer, a socket or a cancellation still held a way to resume it. A completion hook may suspend and "
                "be resumed. Only a resume without such a suspension is reported.",
            .cites = "",
            .fix = "cancel every pending resume (timers, readiness, waiters) before the coroutine is marked finished",
            .make = make<coroutine_resumed_after_finish>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        coroutine_state const* c = m.coroutines.find(e.id.number);
        if (c && c->finished == no_seq && in_hook_.empty()) return; // nearly always
        at_its_end(c, e, m, out);
    }
    void reset() override {
        in_hook_.clear();
        reported_.clear();
    }

private:
    void at_its_end(coroutine_state const* c, event const& e, model const& m, rule_run& out) {
        bool const finished = c && c->finished != no_seq;
        if (e.what == kind::coroutine_suspend) {
            if (finished) in_hook_.push_back(e.id);
            return;
        }
        if (std::erase(in_hook_, e.id) || !(finished || m.coroutines.is_gone(e.id.number)) || !reported_.first(e.id))
            return;
        violation v{.subject = e.id, .at = e.seq, .message = m.label(e.id) + " was resumed after it had finished"};
        if (c) v.witness.push_back(c->finished);
        out.report(std::move(v));
    }

    std::vector<ref> in_hook_; // finished, and suspended since
    once reported_;
};

struct finalized_while_queued final : rule {
    static rule_info info() {
        return {
            .id = "finalized-while-queued",
            .level = severity::error,
            .needs = coroutines,
            .kinds = {kind::coroutine_finish},
            .summary = "a coroutine is finished while it is still in a ready queue",
            .why = "The queue will return the coroutine once more, and then the loop runs a finished coroutine. The "
                   "trace shows it in two ways: a suspended coroutine was cancelled (which makes it ready) and is "
                   "finished without having been resumed, or the server says so itself (\"queued\").",
            .cites = "php-async",
            .fix = "remove the coroutine from the queue before finishing it, or let the queue finish it when its turn "
                   "comes",
            .make = make<finalized_while_queued>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        coroutine_state const* c = m.coroutines.find(e.id.number);
        if (!c || c->finished != e.seq || (!made_ready_by_cancel(*c) && !e.integer("queued"))) return;
        violation v{
            .subject = e.id, .at = e.seq, .message = m.label(e.id) + " was finished while it was still queued to run"};
        show(v, m, {&e.id, 1});
        out.report(std::move(v));
    }
};

// ---- requests

struct finish_event_lost final : rule {
    static rule_info info() {
        return {
            .id = "finish-event-lost",
            .level = severity::error,
            .needs = requests,
            .kinds = {},
            .summary = "a request began and has no finish event by the end of the trace",
            .why =
                "Logs, metrics, rate limits and drains rely on the finish event of every request. When the "
                "connection or the owner of a request is torn down first, the request has to be finished as "
                "cancelled or dropped. A transaction that was created for a request that never arrived has no finish "
                "event to lose. A server that died of a signal or a failed assertion is not judged.",
            .cites = "mojo#2286, armeria#3748",
            .fix =
                "finish the request in the one place where every request ends, for whatever reason, before its owner "
                "is released",
            .make = make<finish_event_lost>,
        };
    }

    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete) return;
        m.requests.each([&](std::uint32_t n, request_state const&) {
            ref const request{entity::request, n};
            violation v{.subject = request, .at = m.last, .message = m.label(request) + " began and never finished"};
            show(v, m, {&request, 1});
            out.report(std::move(v));
        });
    }
};

struct finish_event_doubled final : rule {
    static rule_info info() {
        return {
            .id = "finish-event-doubled",
            .level = severity::warning,
            .needs = requests,
            .kinds = {kind::request_finish},
            .summary = "a request has more than one finish event",
            .why = "Code that counts active requests by their begin and finish events falls below zero, and a drain "
                   "that waits for zero continues too early. Two code paths ended the request: usually that of the "
                   "handler and that of the connection.",
            .cites = "netty#1924",
            .fix = "let one owner finish the request, and make a second attempt do nothing",
            .make = make<finish_event_doubled>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (m.requests.is_gone(e.id.number) && reported_.first(e.id))
            out.report({.subject = e.id, .at = e.seq, .message = to_string(e.id) + " was finished a second time"});
    }
    void reset() override { reported_.clear(); }

private:
    once reported_;
};

} // namespace

std::span<rule_info const> lifetime_rules() {
    static std::array const rules = {
        scope_disposed_nonempty::info(),
        scope_leaked::info(),
        scope_disposed_twice::info(),
        spawn_after_close::info(),
        cancelled_not_awaited::info(),
        coroutine_lost::info(),
        coroutine_resumed_after_finish::info(),
        finalized_while_queued::info(),
        finish_event_lost::info(),
        finish_event_doubled::info(),
    };
    return rules;
}

} // namespace shutdown_repro::traces
