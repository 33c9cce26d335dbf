// Rules about what is left when a stop or a loop ends: hooks, queued work, errors and background work.
#include <array>
#include <utility>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

std::string since_stop(event const& e, model const& m) { return duration_text(e.t - m.t0_time) + " after the stop"; }

// What is known of a hook that has not run at its stop.
struct hook_state {
    ref id, of;
    name_text name;
    seq_t added = no_seq;
    seq_t begun = no_seq;   // at its stop
    seq_t skipped = no_seq; // the end of its loop, before which it did not run
    bool early = false;     // it runs, and nobody has asked for the stop
};

struct shutdown_hook_skipped final : rule {
    static rule_info info() {
        return {
            .id = "shutdown-hook-skipped",
            .level = severity::error,
            .needs = hooks,
            .kinds = {kind::hook_add, kind::hook_begin, kind::hook_end, kind::object_free, kind::server_stopped,
                kind::server_free, kind::loop_start, kind::loop_stop},
            .summary = "a registered shutdown hook is not run between the beginning and the end of the stop, or is not "
                       "awaited",
            .why = "Programs close their files, flush their logs and release their leases in hooks. A stop that takes "
                   "another path (a second signal, a stop of the loop itself, an object that is simply freed) ends "
                   "without them. So does a stop that starts the hooks and does not wait for them. Running a hook "
                   "before the stop, or after its end, does not count. A hook that was freed without running is "
                   "exempt, and so is a hook of a server that was not stopped. A server that died is not judged.",
            .cites = "uvicorn#451, frankenphp#1226",
            .fix = "call the hooks from the one place that every stop passes, and await each of them within the grace "
                   "period",
            .make = make<shutdown_hook_skipped>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        switch (e.what) {
        case kind::hook_add:
            std::erase_if(hooks_, [&](hook_state const& h) { return h.id == e.id; });
            hooks_.push_back({.id = e.id, .of = e.parent, .name = name_text(e.text("name")), .added = e.seq});
            return;
        case kind::hook_begin:
        case kind::hook_end:
        case kind::object_free: return on_hook(e, m, out);
        case kind::loop_start:
            for (hook_state& h : hooks_)
                if (h.of == e.id) h.skipped = no_seq;
            return;
        default:
            for (hook_state& h : hooks_) judge_at_end(h, e, m, out);
            std::erase_if(hooks_, [](hook_state const& h) { return !h.id; });
        }
    }
    void end(model const& m, bool complete, rule_run& out) override {
        if (!complete) return;
        for (hook_state const& h : hooks_) {
            if (!m.was_asked(h.of)) continue;
            report(h, m.last, h.begun == no_seq ? "was registered and never run" : "was started and never ended", out);
        }
    }
    std::string_view lacks(model const& m) const override { return lacks_stop(m); }
    void reset() override { hooks_.clear(); }

private:
    void on_hook(event const& e, model const& m, rule_run& out) {
        auto const h = std::find_if(hooks_.begin(), hooks_.end(), [&](hook_state const& x) { return x.id == e.id; });
        if (h == hooks_.end()) return;
        if (e.what == kind::object_free) {
            if (h->begun != no_seq) report(*h, e.seq, "was freed while it ran", out);
            hooks_.erase(h);
        } else if (e.what == kind::hook_begin) {
            if (!h->of) h->of = e.parent;
            if (h->skipped != no_seq) return; // too late
            if (m.was_asked(h->of)) h->begun = e.seq;
            else h->early = true;
        } else if (std::exchange(h->early, false)) {
            return;
        } else if (m.was_asked(h->of) && h->skipped == no_seq) {
            hooks_.erase(h);
        }
    }

    // Forgets the hook, by its id, if it was reported.
    void judge_at_end(hook_state& h, event const& end, model const& m, rule_run& out) {
        bool const of_loop = end.what == kind::loop_stop;
        bool const known = h.of.type == entity::server || h.of.type == entity::loop;
        bool const ends = known ? h.of == end.id : of_loop ? !m.other_loop_runs(end.id) : !m.other_server_runs(end.id);
        if (!ends || !m.was_asked(h.of) || h.skipped != no_seq) return;
        if (h.begun != no_seq) report(h, end.seq, "was started and not awaited", out);
        else if (of_loop) return void(h.skipped = end.seq); // unless the loop runs again
        else report(h, end.seq, "was not run by the end of the stop", out);
        h.id = {};
    }

    static void report(hook_state const& h, seq_t at, std::string_view fate, rule_run& out) {
        violation v{.subject = h.id, .at = at};
        v.message = "the hook " + to_string(h.id) + (h.name.empty() ? "" : " (" + h.name.str() + ")") +
            (h.of ? " of " + to_string(h.of) : "") + " " + std::string(fate);
        v.witness.push_back(h.added);
        if (h.begun != no_seq) v.witness.push_back(h.begun);
        out.report(std::move(v));
    }
    std::vector<hook_state> hooks_; // hooks that have not run at their stop
};

struct loop_stopped_with_pending_work final : rule {
    static rule_info info() {
        return {
            .id = "loop-stopped-with-pending-work",
            .level = severity::warning,
            .needs = loops,
            .kinds = {kind::loop_start, kind::loop_stop},
            .summary =
                "a loop ends with ready handles, queued callbacks, due timers, or streams that still write or wait "
                "for their drain",
            .why =
                "Queued work is a promise: a response that is half written, a callback for when it is sent, the next "
                "step of a stop. A loop that ends at once, or that counts only connections, drops this work without "
                "an error. Idle connections and timers that are not due yet are not pending work. A loop that runs "
                "again has dropped nothing.",
            .cites = "mojo#2286",
            .fix = "end the loop when its queues are empty and no stream writes, or cancel the remaining work and "
                   "report it",
            .make = make<loop_stopped_with_pending_work>,
        };
    }

    void on(event const& e, model const&, rule_run&) override {
        if (e.what == kind::loop_start)
            return void(std::erase_if(ended_, [&](auto const& v) { return v.subject == e.id; }));
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
            ended_.push_back({.subject = e.id, .at = e.seq, .message = to_string(e.id) + " ended and dropped " + left});
    }
    void end(model const&, bool, rule_run& out) override {
        for (violation& v : ended_) out.report(std::move(v));
    }
    std::string_view lacks(model const&) const override {
        return told_ ? "" : "counts of the work that is left when the loop ends";
    }
    void reset() override {
        told_ = false;
        ended_.clear();
    }

private:
    of_trace<bool> told_ = false;
    std::vector<violation> ended_; // of the loops that have not started again
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
            .kinds = {kind::coroutine_finish, kind::coroutine_remove, kind::process_exit},
            .summary = "detached work is cancelled, destroyed, dropped or abandoned, or its process exits, after the "
                       "stop and after the response that promised it",
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
        if (e.what == kind::process_exit) {
            if (!is_descendant(e.id)) exited_ = e.seq;
            return;
        }
        if (!m.any_detached) return;
        coroutine_state const* const c = m.coroutines.find(e.id.number);
        if (!c || !c->detached || !m.was_asked(m.server_of(*c)) || !m.is_background(*c)) return;
        std::string_view const fate = e.what == kind::coroutine_finish ? fate_at_finish(e, *c)
            : c->finished == no_seq                                    ? " was dropped before it had finished"
                                                                       : "";
        if (!fate.empty()) report(e.id, *c, e.seq, fate, m, out);
    }
    // A process that is killed or crashes loses everything, which is reported instead.
    void end(model const& m, bool complete, rule_run& out) override {
        bool const by_exit = exited_ != no_seq;
        if (by_exit ? m.crashed() || std::string_view(m.signal) == "SIGKILL" : !complete) return;
        m.coroutines.each([&](std::uint32_t n, coroutine_state const& c) {
            if (c.finished != no_seq || !m.was_asked(m.server_of(c)) || !m.is_background(c)) return;
            report({entity::coroutine, n}, c, by_exit ? exited_ : m.last,
                by_exit ? " ended with its process" : " was abandoned", m, out);
        });
    }
    // No trace says that it has none: an adapter may not know which work its server detaches.
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, m.any_detached ? "" : "detached work");
    }
    void reset() override { exited_ = no_seq; }

private:
    static std::string_view fate_at_finish(event const& e, coroutine_state const& c) {
        if (c.finished != e.seq) return "";
        std::string_view const result = e.text("result");
        if (result == "never ran") return " was dropped before it ran";
        if (result == "cancelled") return " was cancelled";
        return result == "destroyed" || c.suspended != no_seq ? " was destroyed" : "";
    }
    static void report(
        ref who, coroutine_state const& c, seq_t at, std::string_view fate, model const& m, rule_run& out) {
        violation v{.subject = who, .at = at};
        v.message = m.label(who).append(fate) + " after the stop";
        if (c.request) v.message += "; " + to_string(c.request) + " had been answered";
        show(v, m, {&who, 1});
        out.report(std::move(v));
    }
    of_trace<seq_t> exited_ = no_seq; // the main process
};

} // namespace

std::span<rule_info const> loop_rules() {
    static std::array const rules = {
        shutdown_hook_skipped::info(),
        loop_stopped_with_pending_work::info(),
        unhandled_exception_at_stop::info(),
        background_work_lost::info(),
    };
    return rules;
}

} // namespace shutdown_repro::traces
