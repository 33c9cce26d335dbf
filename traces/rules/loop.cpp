// Rules about event loops: timers, callbacks, hooks and listeners that are left when a loop ends or an owner is freed.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

std::string since_stop(event const& e, model const& m) { return duration_text(e.t - m.t0_time) + " after the stop"; }

// Returns these kinds and the kinds that end the lifetime of any object.
std::vector<kind> and_what_frees(std::vector<kind> kinds) {
    kinds.insert(kinds.end(),
        {kind::server_free, kind::scope_disposed, kind::coroutine_remove, kind::request_free, kind::connection_close,
            kind::stream_close, kind::object_free});
    return kinds;
}

// The latest end of a lifetime. A late call usually concerns this object, and this end is then a witness.
class latest_free {
public:
    void see(event const& e) { who_ = e.id, at_ = e.seq; }
    seq_t of(ref r) const { return r == who_ ? at_ : no_seq; }
    void show(violation& v, ref r) const {
        if (of(r) != no_seq) v.witness.push_back(at_);
    }
    void clear() { *this = {}; }

private:
    ref who_;
    seq_t at_ = no_seq;
};

// ---- timers

struct timer_lost final : rule {
    static rule_info info() {
        return {
            .id = "timer-lost",
            .level = severity::error,
            .needs = timers,
            .needs_one_of = loops | process,
            .kinds = {kind::loop_start, kind::loop_stopping, kind::loop_stop, kind::process_exit},
            .summary = "a one-shot timer of the program is neither fired nor cancelled when its loop ends",
            .why =
                "The code that set the timer relies on it: a retry, a flush, a delayed response. A graceful stop "
                "that counts only connections ends the loop before the timer is due, and no error is reported. Two "
                "sorts of timers are exempt, and the message counts them: recurring timers, which have no last time, "
                "and timers that the server sets for itself (keep-alive, inactivity, connect), which only serve "
                "connections. A loop that runs again keeps its timers. A server that died is not judged.",
            .cites = "mojo#2286, tokio#4862",
            .fix = "let the stop wait for the one-shot timers of the program, up to a limit, then cancel them and "
                   "report it",
            .make = make<timer_lost>,
        };
    }

    void on(event const& e, model const&, rule_run&) override {
        switch (e.what) {
        case kind::loop_start: ended_ = stopping_ = no_seq; return;
        case kind::loop_stopping:
            if (stopping_ == no_seq) stopping_ = e.seq;
            return;
        default:
            if (ended_ == no_seq || e.what == kind::loop_stop) ended_ = e.seq, ended_at_ = e.t, where_ = e.id;
        }
    }

    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete || ended_ == no_seq) return;
        std::size_t recurring = 0, internal = 0;
        m.timers.each([&](std::uint32_t, timer_state const& t) {
            internal += !t.user;
            recurring += t.user && t.recurring;
        });
        m.timers.each([&](std::uint32_t n, timer_state const& t) {
            if (!t.user || t.recurring) return;
            ref const timer{entity::timer, n};
            violation v{.subject = timer, .at = ended_};
            if (m.words) v.message = message(m, timer, t, recurring, internal);
            show(v, m, {&timer, 1});
            if (stopping_ != no_seq) v.witness.push_back(stopping_);
            out.report(std::move(v));
        });
    }
    std::string_view lacks(model const&) const override { return ended_ == no_seq ? "the end of a loop" : ""; }
    void reset() override { ended_ = stopping_ = no_seq; }

private:
    std::string message(
        model const& m, ref timer, timer_state const& t, std::size_t recurring, std::size_t internal) const {
        nanoseconds const early = t.due - ended_at_;
        std::string out = m.label(timer) + " neither fired nor was cancelled: " + to_string(where_) + " ended ";
        out += early > 0 ? duration_text(early) + " before it was due and did not wait for it" : "although it was due";
        if (recurring + internal == 0) return out + "; no timer is exempt";
        out += "; exempt:";
        if (recurring) out += " " + std::to_string(recurring) + " recurring";
        if (internal) out += std::string(recurring ? "," : "") + " " + std::to_string(internal) + " internal";
        return out;
    }

    seq_t stopping_ = no_seq, ended_ = no_seq;
    nanoseconds ended_at_ = 0;
    ref where_;
};

struct timer_after_destroy final : rule {
    static rule_info info() {
        return {
            .id = "timer-after-destroy",
            .level = severity::error,
            .needs = timers,
            .kinds = and_what_frees({kind::timer_fire}),
            .summary = "a timer fires after its owner was freed",
            .why = "The timer's callback works on an object that it does not keep alive, and the object was freed "
                   "without cancelling the timer. The callback finds no object, or memory that now belongs to another "
                   "object. The rule uses the owner that the timer was set with. A timer without an owner, or one that "
                   "keeps its owner alive, can't violate it.",
            .cites = "mojo#2286",
            .fix = "cancel the timers of an object in its destructor, or let the callback check first that the object "
                   "exists",
            .make = make<timer_after_destroy>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what != kind::timer_fire) return freed_.see(e);
        timer_state const* t = m.timers.find(e.id.number);
        if (!t || !t->owner || !m.freed(t->owner) || !reported_.first(e.id)) return;
        violation v{.subject = e.id,
            .at = e.seq,
            .message = m.label(e.id) + " fired after its owner " + to_string(t->owner) + " was freed"};
        v.witness.push_back(t->armed);
        freed_.show(v, t->owner);
        out.report(std::move(v));
    }
    void reset() override {
        freed_.clear();
        reported_.clear();
    }

private:
    latest_free freed_;
    once reported_;
};

// ---- callbacks and listeners

struct callback_after_destroy final : rule {
    static rule_info info() {
        return {
            .id = "callback-after-destroy",
            .level = severity::error,
            .needs = callbacks,
            .kinds = and_what_frees({kind::callback_enter}),
            .summary = "a callback enters a method of an object that was freed",
            .why = "The loop outlives the objects whose callbacks it holds. A callback that holds its owner by a weak "
                   "reference and calls it without a check fails where the language detects it, and uses freed memory "
                   "where it does not. The work of the callback (finish the request, release a slot) is never done. A "
                   "callback that checks first and finds no owner does not enter.",
            .cites = "mojo#2286, aspnetcore#46779, swift-nio-extras#219",
            .fix =
                "unsubscribe the callbacks of an object before it is freed and finish what they would have finished, "
                "or keep it alive until they ran",
            .make = make<callback_after_destroy>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what != kind::callback_enter) return freed_.see(e);
        if (!m.freed(e.id)) return;
        std::string_view const method = e.text("method");
        violation v{.subject = e.id, .at = e.seq};
        v.message = "a callback" + (e.parent ? " of " + to_string(e.parent) : "") + " called " +
            (method.empty() ? "" : std::string(method) + " of ") + to_string(e.id) + " after it was freed";
        freed_.show(v, e.id);
        out.report(std::move(v));
    }
    void reset() override { freed_.clear(); }

private:
    latest_free freed_;
};

struct listener_notified_after_free final : rule {
    static rule_info info() {
        return {
            .id = "listener-notified-after-free",
            .level = severity::error,
            .needs = 0,
            .needs_one_of = listeners | hooks,
            .kinds = and_what_frees({kind::listener_wake, kind::hook_begin}),
            .summary =
                "a listener or hook is called after its subject was freed, also when an earlier listener freed it",
            .why =
                "Notifying listeners runs foreign code, and any listener may drop the last reference to the subject. "
                "If the notification continues through the list, it reads freed memory and reports a subject that no "
                "longer exists. With a single listener the defect never shows.",
            .cites = "true-async/server 40546ea",
            .fix = "hold a reference to the subject until the last listener was notified, and iterate over a copy of "
                   "the list",
            .make = make<listener_notified_after_free>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what != kind::listener_wake && e.what != kind::hook_begin) return freed_.see(e);
        if (!e.parent || !m.freed(e.parent)) return;
        seq_t const gone = freed_.of(e.parent);
        bool const meanwhile = gone != no_seq && !e.because.empty() && e.because.front() < gone;
        violation v{.subject = e.parent, .at = e.seq};
        v.message = to_string(e.id) + " was notified of " + to_string(e.parent) + ", which was freed " +
            (meanwhile ? "while it notified its listeners" : "earlier");
        if (meanwhile) v.witness.push_back(e.because.front());
        freed_.show(v, e.parent);
        out.report(std::move(v));
    }
    void reset() override { freed_.clear(); }

private:
    latest_free freed_;
};

// ---- order of destruction, and hooks that are not called

struct destroy_order_inverted final : rule {
    static rule_info info() {
        return {
            .id = "destroy-order-inverted",
            .level = severity::error,
            .needs = dependencies,
            .kinds = and_what_frees({kind::object_depend}),
            .summary = "an object is freed before an object that depends on it",
            .why = "The dependent object still holds a reference to its provider: its destructor, or an earlier "
                   "callback, uses a provider that is freed. Members that are destroyed in reverse order of "
                   "declaration, and globals of several files, get this order by accident, and it shows only during "
                   "shutdown.",
            .cites = "envoy#4940, asio#1117",
            .fix = "free dependent objects first, or let them share ownership of what they depend on",
            .make = make<destroy_order_inverted>,
        };
    }

    void on(event const& e, model const&, rule_run& out) override {
        if (e.what == kind::object_depend) {
            if (ref const on = e.id_of("on")) relations_.push_back({e.id, on, e.seq});
            return;
        }
        std::erase_if(relations_, [&](relation const& r) { return r.dependant == e.id; });
        for (relation const& r : relations_)
            if (r.provider == e.id)
                out.report({.subject = e.id,
                    .at = e.seq,
                    .witness = {r.told},
                    .message =
                        to_string(e.id) + " was freed before " + to_string(r.dependant) + ", which depends on it"});
        std::erase_if(relations_, [&](relation const& r) { return r.provider == e.id; });
    }
    void reset() override { relations_.clear(); }

private:
    struct relation {
        ref dependant, provider;
        seq_t told;
    };
    std::vector<relation> relations_; // of objects that are not freed
};

struct shutdown_hook_skipped final : rule {
    static rule_info info() {
        return {
            .id = "shutdown-hook-skipped",
            .level = severity::error,
            .needs = hooks,
            .kinds = {kind::hook_add, kind::hook_begin, kind::hook_end, kind::object_free, kind::server_stopped,
                kind::loop_stop},
            .summary = "a registered shutdown hook is not run by the end of a stop, or is not awaited",
            .why = "Programs close their files, flush their logs and release their leases in hooks. A stop that takes "
                   "another path (a second signal, a stop of the loop itself, an object that is simply freed) ends "
                   "without them. So does a stop that starts the hooks and does not wait for them. A hook that was "
                   "freed earlier is exempt. A server that died is not judged.",
            .cites = "uvicorn#451, frankenphp#1226",
            .fix = "call the hooks from the one place that every stop passes, and await each of them within the grace "
                   "period",
            .make = make<shutdown_hook_skipped>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        auto const at = std::find_if(hooks_.begin(), hooks_.end(), [&](hook const& h) { return h.id == e.id; });
        switch (e.what) {
        case kind::hook_add:
            hooks_.push_back({.id = e.id, .of = e.parent, .name = name_text(e.text("name")), .added = e.seq});
            return;
        case kind::hook_begin:
            if (at != hooks_.end()) at->begun = e.seq;
            return;
        case kind::hook_end:
        case kind::object_free:
            if (at != hooks_.end()) hooks_.erase(at);
            return;
        default: // the stop did not wait for the hooks that still run
            for (hook const& h : hooks_)
                if (h.begun != no_seq && m.t0 != no_seq) report(h, e.seq, "was started and not awaited", out);
            std::erase_if(hooks_, [&](hook const& h) { return h.begun != no_seq && m.t0 != no_seq; });
        }
    }
    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete || m.t0 == no_seq) return;
        for (hook const& h : hooks_)
            report(h, m.last, h.begun == no_seq ? "was registered and never run" : "was started and never ended", out);
    }
    std::string_view lacks(model const& m) const override { return lacks_stop(m); }
    void reset() override { hooks_.clear(); }

private:
    struct hook {
        ref id, of;
        name_text name;
        seq_t added = no_seq, begun = no_seq;
    };
    static void report(hook const& h, seq_t at, std::string_view fate, rule_run& out) {
        violation v{.subject = h.id, .at = at};
        v.message = "the hook " + to_string(h.id) + (h.name.empty() ? "" : " (" + h.name.str() + ")") +
            (h.of ? " of " + to_string(h.of) : "") + " " + std::string(fate);
        v.witness.push_back(h.added);
        if (h.begun != no_seq) v.witness.push_back(h.begun);
        out.report(std::move(v));
    }
    std::vector<hook> hooks_; // hooks that have not ended
};

// ---- the loop

struct loop_stopped_with_pending_work final : rule {
    static rule_info info() {
        return {
            .id = "loop-stopped-with-pending-work",
            .level = severity::warning,
            .needs = loops,
            .kinds = {kind::loop_stop},
            .summary =
                "a loop ends with ready handles, queued callbacks, due timers, or streams that still write or wait "
                "for their drain",
            .why =
                "Queued work is a promise: a response that is half written, a callback for when it is sent, the next "
                "step of a stop. A loop that ends at once, or that counts only connections, drops this work without "
                "an error. Idle connections and timers that are not due yet are not pending work.",
            .cites = "mojo#2286",
            .fix = "end the loop when its queues are empty and no stream writes, or cancel the remaining work and "
                   "report it",
            .make = make<loop_stopped_with_pending_work>,
        };
    }

    void on(event const& e, model const&, rule_run& out) override {
        struct leaving {
            std::string_view key, one, many;
        };
        static constexpr std::array<leaving, 4> kinds = {{
            {"ready", "ready handle", "ready handles"},
            {"queued", "queued callback", "queued callbacks"},
            {"writing", "stream that still writes", "streams that still write"},
            {"due", "due timer", "due timers"},
        }};
        std::string left;
        for (leaving const& k : kinds) {
            value const* v = e.find(k.key);
            if (!v) continue;
            told_ = true;
            if (v->integer > 0)
                left += (left.empty() ? "" : ", ") + std::to_string(v->integer) + " " +
                    std::string(v->integer == 1 ? k.one : k.many);
        }
        if (!left.empty())
            out.report({.subject = e.id, .at = e.seq, .message = to_string(e.id) + " ended and dropped " + left});
    }
    std::string_view lacks(model const&) const override {
        return told_ ? "" : "counts of the work that is left when the loop ends";
    }
    void reset() override { told_ = false; }

private:
    bool told_ = false;
};

struct unhandled_exception_at_stop final : rule {
    static rule_info info() {
        return {
            .id = "unhandled-exception-at-stop",
            .level = severity::warning,
            .needs = loops,
            .kinds = {kind::loop_error, kind::loop_stop},
            .summary =
                "after the stop, an error leaves a callback, or leaves every scope, and only the loop catches it",
            .why = "A loop survives the exceptions of its callbacks: at most it prints a line, and it continues. The "
                   "rest of that callback does not run, and during a shutdown that rest is what ends things in order. "
                   "Few people read the log of a process that was asked to exit. The same error before the stop is not "
                   "judged by this rule.",
            .cites = "true-async/server#101",
            .fix = "give each callback of a stop an owner that receives its error and completes what the callback had "
                   "to complete",
            .make = make<unhandled_exception_at_stop>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (m.t0 == no_seq || (e.what == kind::loop_stop && e.text("why") != "uncaught error")) return;
        std::string_view const error = e.text("error");
        violation v{.subject = e.id, .at = e.seq};
        std::string const what =
            e.what == kind::loop_stop ? "an uncaught error ended " : "an error left a callback of ";
        v.message = what + to_string(e.id) + ", " + since_stop(e, m) + (error.empty() ? "" : ": " + std::string(error));
        v.witness.assign(e.because.begin(), e.because.end());
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override { return lacks_stop(m); }
};

struct background_work_lost final : rule {
    static rule_info info() {
        return {
            .id = "background-work-lost",
            .level = severity::error,
            .needs = coroutines,
            .kinds = {kind::coroutine_finish, kind::process_exit},
            .summary = "detached work is cancelled, or its process exits, after the stop and after the response that "
                       "promised it",
            .why = "The client has its response and assumes that the mail is sent and the order is stored. The work "
                   "itself was started in the background and belongs to no request. A drain that counts requests ends "
                   "and cuts the work off, and no code is left to report the loss.",
            .cites = "swoole#3014",
            .fix = "spawn background work into a scope that the stop awaits, or hand it to a queue that outlives the "
                   "process",
            .make = make<background_work_lost>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (m.t0 == no_seq) return;
        if (e.what == kind::process_exit) return judge_exit(e, m, out);
        coroutine_state const* const c = m.coroutines.find(e.id.number);
        if (!c || c->finished != e.seq || !m.is_background(*c)) return;
        std::string_view const result = e.text("result");
        if (result == "cancelled") report(e.id, *c, e.seq, " was cancelled", m, out);
        else if (result == "never ran") report(e.id, *c, e.seq, " was dropped before it ran", m, out);
    }
    void end(model const& m, bool complete, rule_run& out) override {
        if (complete && m.t0 != no_seq && !exited_) judge_all(m.last, " was abandoned", m, out);
    }
    std::string_view lacks(model const& m) const override { return lacks_stop(m); }
    void reset() override { exited_ = false; }

private:
    // A process that is killed or crashes loses everything, which is reported instead.
    void judge_exit(event const& e, model const& m, rule_run& out) {
        if (is_descendant(e.id)) return;
        exited_ = true;
        if (!m.crashed() && std::string_view(m.signal) != "SIGKILL")
            judge_all(e.seq, " ended with its process", m, out);
    }
    static void judge_all(seq_t at, std::string_view fate, model const& m, rule_run& out) {
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            if (c.finished == no_seq && m.is_background(c)) report({entity::coroutine, n}, c, at, fate, m, out);
        });
    }
    static void report(
        ref who, coroutine_state const& c, seq_t at, std::string_view fate, model const& m, rule_run& out) {
        violation v{.subject = who, .at = at};
        v.message = m.label(who).append(fate) + " after the stop";
        if (c.request) v.message += "; " + to_string(c.request) + " had been answered";
        show(v, m, {&who, 1});
        out.report(std::move(v));
    }
    bool exited_ = false;
};

} // namespace

std::span<rule_info const> loop_rules() {
    static std::array const rules = {
        timer_lost::info(),
        timer_after_destroy::info(),
        callback_after_destroy::info(),
        listener_notified_after_free::info(),
        destroy_order_inverted::info(),
        shutdown_hook_skipped::info(),
        loop_stopped_with_pending_work::info(),
        unhandled_exception_at_stop::info(),
        background_work_lost::info(),
    };
    return rules;
}

} // namespace shutdown_repro::traces
