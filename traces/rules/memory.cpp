// Rules about what breaks a process at once: memory that is used after it was freed, and assertions of the server
// itself.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/held.hpp"
#include "traces/rules/stderr_text.hpp"

namespace shutdown_repro::traces {
namespace {

struct access_after_free final : rule {
    static rule_info info() {
        return {
            .id = "access-after-free",
            .level = severity::error,
            .needs = 0,
            .needs_one_of = scopes | coroutines | server_acts,
            .kinds = {kind::server_listen, kind::server_ready, kind::server_close, kind::server_stopped,
                kind::server_destroy, kind::server_free, kind::act_stop, kind::act_free, kind::scope_open,
                kind::scope_attach, kind::scope_cancel, kind::scope_cancelled, kind::scope_closed, kind::scope_catch,
                kind::scope_notify, kind::scope_unref, kind::scope_access, kind::coroutine_spawn, kind::coroutine_start,
                kind::coroutine_suspend, kind::coroutine_cancel, kind::coroutine_zombie, kind::coroutine_finish,
                kind::coroutine_hook, kind::coroutine_remove, kind::connection_open, kind::hook_add},
            .summary = "an operation uses a scope, a coroutine or a server after it was freed",
            .why =
                "Freed memory may already hold another object: the access reads or writes that object, mostly "
                "without any visible sign. Typical causes are a callback that continues with an object that its own "
                "notification has just freed, a late stop of a freed server, and a second removal or free. A refused "
                "spawn is not an access. A second disposal and a late resume have rules of their own.",
            .cites = "envoy#733, stdexec#1731, true-async/server#2",
            .fix = "hold a reference during every call out of the object, and cancel timers and listeners before "
                   "freeing it",
            .make = make<access_after_free>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (is_gone(e.id, m) || (e.what == kind::scope_access && e.integer("freed"))) return report(e.id, e, m, out);
        bool const enters_parent = e.what == kind::scope_open || e.what == kind::coroutine_spawn ||
            e.what == kind::connection_open || e.what == kind::hook_add;
        if (enters_parent && is_gone(e.parent, m)) report(e.parent, e, m, out);
    }
    void reset() override { reported_.clear(); }

private:
    static bool is_gone(ref r, model const& m) {
        switch (r.type) {
        case entity::scope: return m.scopes.is_gone(r.number);
        case entity::coroutine: return m.coroutines.is_gone(r.number);
        case entity::server: return m.servers.is_gone(r.number);
        default: return false;
        }
    }

    void report(ref what, event const& e, model const& m, rule_run& out) {
        if (!reported_.first(what)) return;
        violation v{.subject = what, .at = e.seq};
        if (m.words) {
            std::string_view const operation = e.text("operation", name_of(e.what));
            v.message = to_string(what) + " was used after it was freed: " + std::string(operation);
            if (e.by) v.message += " by " + to_string(e.by);
        }
        v.witness.assign(e.because.begin(), e.because.end());
        out.report(std::move(v));
    }

    once reported_;
};

constexpr std::int64_t status_of_abort = 128 + 6; // as a shell gives it for a child that SIGABRT ended

struct process_end {
    ref who;
    seq_t at = no_seq;
    bool well = true, aborted = false;
};

struct assertion_failed final : rule {
    static rule_info info() {
        return {
            .id = "assertion-failed",
            .level = severity::error,
            .needs = 0,
            .needs_one_of = scopes | coroutines | requests | server_acts | process,
            .kinds = {kind::assertion, kind::process_stderr, kind::process_exit},
            .summary =
                "the server recorded a failed assertion, or a process of it printed one to its stderr and ended by it",
            .why =
                "The developers of the server wrote down a condition that must hold, and it did not hold. In a build "
                "without assertions the same run continues with a broken invariant: the sign disappears, the defect "
                "does not. An assertion that was both recorded and printed counts once. A C or C++ runtime that prints "
                "a failed assertion aborts its process: without that end the text is one that the server repeats. Of "
                "an "
                "exception that a program can catch (Python, Node, Rust) the rule needs the process to exit badly "
                "after it, with no stop in between. A text on the standard output is no evidence.",
            .cites = "true-async/server#74",
            .fix = "look at the other violations of this trace: a failed assertion is usually their first visible sign",
            .make = make<assertion_failed>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::process_stderr) return reads(e, m);
        if (e.what == kind::process_exit) return exits(e, m);
        std::string const file(e.text("file"));
        std::string const where = file.empty() ? "" : file + ":" + std::to_string(e.integer("line"));
        recorded_.emplace_back(e.text("message"));
        report(e.id, e.seq, {recorded_.back(), where}, e.ids_of("live"), m, out);
    }

    void end(model const& m, bool, rule_run& out) override {
        if (printed_.empty()) return;
        for (auto const& p : printed_) {
            bool const known = std::any_of(recorded_.begin(), recorded_.end(),
                [&](std::string const& said) { return p.what.line.find(said) != std::string::npos; });
            if (!known && (ended_by(p, m) || (p.what.ends_process && aborted_after(p))))
                report(p.who, p.at, p.what, {}, m, out);
        }
    }
    void reset() override {
        recorded_.clear();
        printed_.clear();
        ends_.clear();
    }

private:
    struct printed {
        failed_assertion what;
        ref who;
        seq_t at;
        bool asked; // the stop had begun
    };

    void reads(event const& e, model const& m) {
        if (e.text("output") == "stdout") return;
        for (failed_assertion& a : assertions_in(e.text("text")))
            printed_.push_back({std::move(a), e.id, e.seq, m.t0 != no_seq});
    }
    void exits(event const& e, model const& m) {
        std::string_view const signal = e.text("signal");
        bool const aborted = signal.empty() ? e.integer("status") == status_of_abort : is_fault(signal);
        ends_.push_back({e.id, e.seq, ended_well(e, m), aborted});
    }
    // A process, which may have been forked by the one to which the text is ascribed, ended as the runtimes end one.
    bool aborted_after(printed const& p) const {
        if (ends_.empty()) return true; // the trace does not say otherwise
        return std::ranges::any_of(ends_, [&](process_end const& e) { return e.at > p.at && e.aborted; });
    }
    // The process that printed it ended badly, and no stop came in between: until then it had survived the assertion.
    bool ended_by(printed const& p, model const& m) const {
        if (!p.asked && m.t0 != no_seq) return false;
        for (process_end const& e : ends_)
            if (e.who == p.who) return e.at > p.at && !e.well;
        return m.died_unasked() || m.exit_status.value_or(0) != 0; // as the footer says
    }

    static void report(
        ref who, seq_t at, failed_assertion const& a, std::span<ref const> live, model const& m, rule_run& out) {
        violation v{.subject = who, .at = at};
        if (m.words) {
            v.message = a.message.empty() ? "an assertion failed" : "\"" + a.message + "\" failed";
            if (!a.where.empty()) v.message += " at " + a.where;
        }
        show(v, m, live);
        out.report(std::move(v));
    }

    std::vector<std::string> recorded_; // the messages of the assert events
    std::vector<printed> printed_;
    std::vector<process_end> ends_;
};

} // namespace

std::span<rule_info const> memory_rules() {
    static std::array const rules = {
        access_after_free::info(),
        assertion_failed::info(),
    };
    return rules;
}

} // namespace shutdown_repro::traces
