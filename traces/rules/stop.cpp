// Rules about the contract of stop towards its caller.
#include <array>
#include <utility>
#include "traces/rules/family.hpp"
#include "traces/rules/held.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {
namespace {

struct stop_returned_early final : rule {
    static rule_info info() {
        return {
            .id = "stop-returned-early",
            .level = severity::error,
            .needs = requests,
            .needs_one_of = server_acts | process,
            .kinds = {kind::server_stopped, kind::process_exit},
            .summary = "the server reports that it has stopped while requests of its own are still active, or its "
                       "process exits while any request is",
            .why =
                "A caller that awaits stop then frees what the handlers use, or exits: a request that is still "
                "active is cut off, and neither its client nor its author is told. A request of no known server has to "
                "end before the last server does. A process that ended by a failed "
                "assertion, a fault or a kill did not return from stop. Other rules report that.",
            .cites = "golang/go#34163, cpp-httplib#2440",
            .fix = "let the lifecycle coroutine wait until the last request has finished, within a grace period that "
                   "ends in cancel and await",
            .make = make<stop_returned_early>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        bool const exits = e.what == kind::process_exit;
        if (exits && (m.crashed() || m.signal == killed || is_descendant(e.id))) return;
        if (m.requests.size() == 0) return;
        std::vector<ref> live;
        m.requests.each([&](std::uint32_t n, request_state const& r) {
            ref const request{entity::request, n};
            bool const concerns = exits ? !reported_.has(request) : m.ends_with(e.id, r.server);
            if (concerns) live.push_back(request);
        });
        if (live.empty()) return;
        violation v{.subject = e.id, .at = e.seq};
        if (m.words)
            v.message = m.label(e.id) + (e.what == kind::server_stopped ? " stopped" : " exited") + " while " +
                names(live) + (live.size() == 1 ? " was" : " were") + " still active";
        show(v, m, live);
        out.report(std::move(v));
        for (ref const request : live) reported_.first(request);
    }
    void reset() override { reported_.clear(); }

private:
    static constexpr std::string_view killed = "SIGKILL";
    once reported_; // the requests
};

struct stop_not_idempotent final : rule {
    static rule_info info() {
        return {
            .id = "stop-not-idempotent",
            .level = severity::error,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_fail, kind::client_closed},
            .summary =
                "a request that survived the first stop is lost within 250 ms after a second stop that should change "
                "nothing",
            .why = "Supervisors, terminals and impatient people send a signal twice, or a library calls stop after its "
                   "user has already called it. The second stop must detect the first and leave it alone. If the first "
                   "signal reset the signal handler, the default action of the second kills the process in the middle "
                   "of its drain. A second stop that is documented to end the server at once is not judged.",
            .cites = "h2o#2913, cockroach#48070",
            .fix = "make stop a state that is entered once, and keep the signal handler installed until the exit",
            .make = make<stop_not_idempotent>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            if (how != loss::second_stop) return;
            violation v{.subject = who, .at = e.seq, .witness = {s.sent, m.t0, m.second}};
            v.message = to_string(who) + " survived the stop for " + duration_text(m.second_at - m.t0_time) +
                " and was lost " + duration_text(e.t - m.second_at) + " after the second stop";
            out.report(std::move(v));
        });
    }
    std::string_view lacks(model const& m) const override {
        return m.second == no_seq || m.second_forces ? "a second stop that should change nothing" : "";
    }
};

struct stop_before_start_race final : rule {
    static rule_info info() {
        return {
            .id = "stop-before-start-race",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_signal, kind::process_exit},
            .summary =
                "a stop that comes before the server is ready is ignored: the process has to be killed with SIGKILL",
            .why = "A deployment that is rolled back stops the process that it has just started. A stop between listen "
                   "and ready sets a flag that start then clears, or wakes a loop that does not run yet. The server "
                   "starts, serves requests, and has forgotten the stop.",
            .cites = "cpp-httplib#1371, seastar#396",
            .fix = "let start check the stop flag after the whole setup, and never clear it",
            .make = make<stop_before_start_race>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        bool const kill = e.text("signal") == "SIGKILL" && e.seq != m.t0 && !is_descendant(e.id);
        if (e.what == kind::process_signal && kill) killed_ = true;
        if (e.what != kind::process_exit || !kill || !killed_ || !m.stopped_before_ready()) return;
        violation v{.subject = e.id, .at = e.seq, .witness = {m.t0}};
        if (m.ready != no_seq) v.witness.push_back(m.ready);
        v.message = to_string(e.id) +
            (m.ready != no_seq ? " became ready after the stop and" : " was stopped before it was ready and") +
            " had to be killed, " + duration_text(e.t - m.t0_time) + " after the stop";
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        return m.stopped_before_ready() ? "" : "a stop before the server is ready";
    }
    void reset() override { killed_ = false; }

private:
    of_trace<bool> killed_ = false; // the main process
};

struct stop_lost_at_startup final : rule {
    static rule_info info() {
        return {
            .id = "stop-lost-at-startup",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_signal, kind::act_stop, kind::process_exit},
            .summary =
                "a stop that comes while the server starts is forgotten: it becomes ready, serves, and has to be "
                "killed with SIGKILL",
            .why = "A deployment that is rolled back, or a probe that fails, stops a server that is still loading. If "
                   "the stop only sets a flag that the start later clears, or calls stop on a server object that does "
                   "not exist yet, nobody asks for the stop again: the old version serves until it is killed. The rule "
                   "judges only traces of a stop at a step of the start, of a server that does stop once it is ready.",
            .cites = "wazo-platform/wazo-calld#419, infinispan/infinispan#14917",
            .fix = "remember the stop, and look at it after each step of the start and before serving",
            .make = make<stop_lost_at_startup>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.seq == m.t0) step_ = e.text("startup");
        bool const killed = e.what == kind::process_exit && e.text("signal") == "SIGKILL" && !is_descendant(e.id);
        if (!killed || !m.was_sent("SIGKILL") || !m.ready_despite_stop()) return;
        violation v{.subject = e.id, .at = e.seq, .witness = {m.t0, m.ready}};
        v.message = to_string(e.id) + " was stopped while it started (" + step_.str() +
            "), became ready, and had to be killed, " + duration_text(e.t - m.t0_time) + " after the stop";
        if (m.pid1)
            v.message += "; the kernel discards what is sent to process 1 of a PID namespace before its handler";
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override { return m.startup ? "" : "a stop while the server starts"; }
    void reset() override { step_ = std::string_view(); }

private:
    of_trace<name_text> step_; // of the start, at which the stop came
};

struct stop_from_handler_deadlock final : rule {
    static rule_info info() {
        return {
            .id = "stop-from-handler-deadlock",
            .level = severity::error,
            .needs = coroutines | server_acts,
            .kinds = {kind::act_stop, kind::loop_stop, kind::process_exit},
            .summary =
                "a coroutine that called stop waits for the end of the stop, and the stop waits for the coroutine",
            .why = "A stop that drains waits for every handler. A handler that awaits the stop is one of them, so "
                   "neither can continue. The first version of a shutdown endpoint, or of a handler that reacts to a "
                   "fatal error, is usually written this way.",
            .cites = "",
            .fix = "let stop only request the shutdown and return, and await its end outside every handler; or exempt "
                   "the caller from the drain",
            .make = make<stop_from_handler_deadlock>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::act_stop) called_ |= e.by.type == entity::coroutine;
        else if (e.what == kind::process_exit ? e.text("signal") == "SIGKILL" && !is_descendant(e.id)
                                              : e.text("why") == "stall")
            judge_at(e.seq, m, out);
    }
    void end(model const& m, bool complete, rule_run& out) override {
        if (complete) judge_at(m.last, m, out);
    }
    std::string_view lacks(model const&) const override { return called_ ? "" : "a call of stop by a coroutine"; }
    void reset() override {
        called_ = false;
        reported_.clear();
    }

private:
    void judge_at(seq_t at, model const& m, rule_run& out) {
        ref const who = waits_for_itself(m);
        if (!who || !reported_.first(who)) return;
        violation v{.subject = who, .at = at};
        v.message = m.label(who) + " called stop and waits for its end, and the stop waits for " + to_string(who);
        show(v, m, {&who, 1});
        v.witness.push_back(m.coroutines.find(who.number)->called_stop);
        out.report(std::move(v));
    }
    of_trace<bool> called_ = false;
    once reported_;
};

struct stop_signal_unhandled final : rule {
    static rule_info info() {
        return {
            .id = "stop-signal-unhandled",
            .level = severity::warning,
            .needs = process,
            .kinds = {kind::process_status, kind::process_exit},
            .summary =
                "just before the stop the process does not catch its stop signal, ignores it or blocks it, and it does "
                "not exit by itself; or the process dies of a signal after a command or a request has stopped it",
            .why = "A signal that the process does not catch ends it immediately, and other rules report what is lost. "
                   "A signal that is ignored or blocked has no effect at all. A runtime installs no handler by itself, "
                   "a shell starts background jobs with some signals ignored, and the first process of a container has "
                   "no default action.",
            .cites = "h2o#127",
            .fix =
                "install the handler before the server is ready, and unblock the signal in the thread that waits for "
                "it",
            .make = make<stop_signal_unhandled>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::process_exit) return on_exit(e, m, out);
        looked_ = true;
        bool const blocked = e.integer("blocked") != 0, ignored = e.integer("ignored") != 0;
        bool const taken = e.integer("awaited") || (e.integer("caught", 1) && !blocked && !ignored);
        if (m.discarded || taken || m.t0 != no_seq) return;
        std::string const how = ignored ? " ignores " : blocked ? " blocks " : " does not catch ";
        deaf_.push_back({e.id, e.seq, to_string(e.id) + how + std::string(e.text("signal", "the stop signal"))});
    }
    void end(model const& m, bool, rule_run& out) override {
        for (deaf const& d : deaf_) report(d, m, out);
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, looked_ ? "" : "a check of how the process handles the signal");
    }
    void reset() override {
        looked_ = false;
        deaf_.clear();
        reported_.clear();
    }

private:
    struct deaf {
        ref id;
        seq_t seen;
        std::string message;
    };

    // What counts is what it did: a process that exits with a status has taken the signal, whatever was seen of it at
    // one moment. A wrapper needs no handler if the signal should have gone to the process behind it.
    void report(deaf const& d, model const& m, rule_run& out) {
        if (m.t0 != no_seq && !m.not_forwarded() && reported_.first(d.id))
            out.report({.subject = d.id, .at = d.seen, .message = d.message});
    }

    // The signal that a command sends is visible only by its effect.
    void on_exit(event const& e, model const& m, rule_run& out) {
        if (e.find("status")) std::erase_if(deaf_, [&](deaf const& d) { return d.id == e.id; });
        if (is_descendant(e.id) || !m.told_by_others || m.signal.empty() || m.died_unasked() || m.was_sent(m.signal))
            return;
        if (reported_.first(e.id))
            out.report({.subject = e.id,
                .at = e.seq,
                .witness = {m.t0},
                .message = to_string(e.id) + " died of " + m.signal.str() +
                    " when it was told to stop: it does not catch this signal"});
    }

    std::vector<deaf> deaf_; // by process
    of_trace<bool> looked_ = false;
    once reported_;
};

// This compares two executions of one server, but a rule reads a single trace. So the runner that sends a signal other
// than the graceful one records in the trace what the graceful one did.
struct stop_signal_not_graceful final : rule {
    static rule_info info() {
        return {
            .id = "stop-signal-not-graceful",
            .level = severity::warning,
            .needs = clients | process,
            .kinds = {kind::process_signal, kind::client_fail, kind::client_closed},
            .summary = "the signal loses in-flight requests that another signal of the same server keeps",
            .why = "Many servers have two stop signals, and the one that supervisors send by default is the fast one: "
                   "it cuts off in-flight requests, as documented, although the server could have finished them. The "
                   "rule judges only traces which state that the same server lost nothing with its graceful signal. No "
                   "other rule then reports the lost requests.",
            .cites = "sclorg/nginx-container#243, ingress-nginx#8650",
            .fix = "configure the graceful signal in the supervisor (STOPSIGNAL, KillSignal=)",
            .make = make<stop_signal_not_graceful>,
        };
    }

    void on(event const& e, model const& m, rule_run&) override {
        if (e.what == kind::process_signal) {
            if (e.seq == m.t0) subject_ = e.id, sent_ = e.text("signal"), instead_ = e.text("instead");
            return;
        }
        each_lost(e, m, [&](ref, sent_request const&, loss how) {
            if (how == loss::wrong_signal && lost_++ == 0) first_ = e.seq;
        });
    }
    void end(model const& m, bool, rule_run& out) override {
        if (!lost_) return;
        violation v{.subject = subject_, .at = m.t0, .witness = {first_}};
        v.message = sent_.str() + " lost " + std::to_string(lost_) + (lost_ == 1 ? " request" : " requests") +
            " in flight; " + (instead_.empty() ? "the graceful signal" : instead_.str()) + " loses none";
        v.witness.push_back(m.t0);
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        return m.ungraceful
            ? ""
            : "a stop by a signal that is not the graceful one, and a record that the graceful one loses no request";
    }
    void reset() override {
        lost_ = 0;
        first_ = no_seq;
    }

private:
    of_trace<ref> subject_; // of t0
    of_trace<word_text> sent_, instead_;
    of_trace<std::size_t> lost_ = 0;
    of_trace<seq_t> first_ = no_seq;
};

} // namespace

std::span<rule_info const> stop_rules() {
    static std::array const rules = {
        stop_returned_early::info(),
        stop_not_idempotent::info(),
        stop_before_start_race::info(),
        stop_lost_at_startup::info(),
        stop_from_handler_deadlock::info(),
        stop_signal_unhandled::info(),
        stop_signal_not_graceful::info(),
    };
    return rules;
}

} // namespace shutdown_repro::traces
