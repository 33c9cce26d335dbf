// Rules about the lifetime of coroutines and requests.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/held.hpp"

namespace shutdown_repro::traces {
namespace {

// ---- coroutines

// Was finished without being resumed from where it was suspended.
bool ends_in_its_sleep(event const& finish, coroutine_state const& c) {
    return c.finished == finish.seq && c.suspended != no_seq;
}

struct cancelled_not_awaited final : rule {
    static rule_info info() {
        return {
            .id = "cancelled-not-awaited",
            .level = severity::error,
            .needs = coroutines | server_acts,
            .kinds = {kind::server_stopped, kind::server_free},
            .summary = "a coroutine was asked to cancel, and its server stopped or was freed before the coroutine was "
                       "finished and removed",
            .why = "A cancellation is only a request: cleanup may wait, and a safe cancellation lets the handler "
                   "continue as a zombie. Stop has to await the end of every coroutine that it cancelled, not only of "
                   "the first one that ends. A coroutine that still works when stop returns works in a server that its "
                   "owner believes to be at rest. The coroutine that returns from start, and coroutines that belong to "
                   "a scope around the server or to another owner, are exempt. A coroutine of no known server "
                   "has to end before the last server does.",
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
            bool const elsewhere = m.is_above_owned(c) || c.outside || (e.what == kind::server_stopped && e.by == who);
            if (!elsewhere && m.cancel_of(c) != no_seq && m.ends_with(e.id, m.server_of(c))) inside.push_back(who);
        });
        if (inside.empty()) return;
        reported_.first(e.id);
        violation v{.subject = e.id, .at = e.seq};
        if (m.words)
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
            .kinds = {kind::coroutine_finish, kind::coroutine_remove, kind::loop_stop},
            .summary = "a coroutine never finished, was removed before it finished or finished while suspended, or "
                       "waited for an event that could no longer happen",
            .why = "An abandoned coroutine runs neither the rest of its body nor its cleanup: locks stay held, the "
                   "response is never sent, and a caller that awaits the coroutine never continues. A server that died "
                   "of a signal or a failed assertion is not judged. Four cases have rules of their own: "
                   "spawn-after-close for work that a closed scope accepted and dropped, finalized-while-queued for a "
                   "coroutine that its cancellation had made ready, background-work-lost for detached work whose "
                   "response was sent, and stop-from-handler-deadlock for a coroutine that waits for the stop that it "
                   "called.",
            .cites = "uvicorn#2433, beast#290",
            .fix = "keep every coroutine reachable from a scope that is awaited before the loop ends",
            .make = make<coroutine_lost>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::loop_stop) return on_stall(e, m, out);
        if (e.what == kind::coroutine_remove) {
            coroutine_state const* const left = m.removed_unfinished(e);
            if (left && !is_dropped_submission(*left) && !has_another_name(*left, m))
                report(e.id, e.seq, m.label(e.id) + " was removed before it had finished", m, out);
            return;
        }
        coroutine_state const* const c = m.coroutines.find(e.id.number);
        if (c && ends_in_its_sleep(e, *c) && c->readied == no_seq && !e.integer("queued") && !has_another_name(*c, m))
            report(e.id, e.seq, m.label(e.id) + " was finished while it was suspended: the rest of its body never ran",
                m, out);
    }

    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete) return;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            ref const who{entity::coroutine, n};
            if (c.finished != no_seq || is_dropped_submission(c) || has_another_name(c, m) ||
                who == waits_for_itself(m))
                return;
            report(who, m.last,
                m.label(who) + (c.started == no_seq ? " was spawned and never ran" : " was started and never finished"),
                m, out);
        });
    }
    void reset() override { reported_.clear(); }

private:
    static bool has_another_name(coroutine_state const& c, model const& m) {
        return c.detached && m.was_asked(m.server_of(c)) && m.is_background(c);
    }
    static bool is_dropped_submission(coroutine_state const& c) { return c.after_close && c.started == no_seq; }

    // No event could happen any more: the remaining coroutines would wait forever. Another loop that runs could still
    // wake them.
    void on_stall(event const& e, model const& m, rule_run& out) {
        if (e.text("why") != "stall" || m.t0 == no_seq || m.other_loop_runs(e.id)) return;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            ref const who{entity::coroutine, n};
            if (c.finished == no_seq && who != waits_for_itself(m))
                report(who, e.seq, m.label(who) + " waited for an event that could no longer happen", m, out);
        });
    }

    void report(ref who, seq_t at, std::string message, model const& m, rule_run& out) {
        if (!reported_.first(who)) return;
        violation v{.subject = who, .at = at, .message = std::move(message)};
        show(v, m, {&who, 1});
        out.report(std::move(v));
    }

    once reported_;
};

struct coroutine_resumed_after_finish final : rule {
    static rule_info info() {
        return {
            .id = "coroutine-resumed-after-finish",
            .level = severity::error,
            .needs = coroutines,
            .kinds = {kind::coroutine_start, kind::coroutine_suspend, kind::coroutine_resume},
            .summary = "a coroutine runs again after it has finished or was removed, unless its completion hook had "
                       "suspended it and it is not removed",
            .why =
                "A finished coroutine has no body left to run: resuming it runs code on a frame that may be freed. A "
                "timer, a socket or a cancellation still held a way to resume it. A completion hook may suspend and "
                "be resumed until the coroutine is removed. A start after the removal is an access-after-free.",
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
        auto const in_hook = std::find(in_hook_.begin(), in_hook_.end(), e.id);
        if (e.what == kind::coroutine_suspend) {
            if (finished && in_hook == in_hook_.end()) in_hook_.push_back(e.id);
            return;
        }
        bool const resumes = e.what == kind::coroutine_resume, in_its_hook = in_hook != in_hook_.end();
        if (resumes && in_its_hook) in_hook_.erase(in_hook);
        bool const late = finished ? !(resumes && in_its_hook) : resumes && m.coroutines.is_gone(e.id.number);
        if (!late || !reported_.first(e.id)) return;
        violation v{.subject = e.id, .at = e.seq};
        v.message = m.label(e.id) + (e.what == kind::coroutine_start ? " was started" : " was resumed") +
            " after it had finished";
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
        if (!c || c->finished != e.seq || (c->readied == no_seq && !e.integer("queued"))) return;
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
