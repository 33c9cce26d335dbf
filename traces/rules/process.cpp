// Rules about the server's process: how it ended and what it left behind.
#include <array>
#include <utility>
#include "traces/rules/family.hpp"
#include "traces/rules/held.hpp"
#include "traces/rules/lost.hpp"
#include "traces/rules/stderr_text.hpp"

namespace shutdown_repro::traces {
namespace {

std::string after_stop(model const& m, nanoseconds at) {
    return m.t0 == no_seq || !m.words ? "" : ", " + duration_text(at - m.t0_time) + " after the stop";
}

// The name of the server process in messages.
class process_name {
public:
    void learn(event const& e) {
        if (std::string_view const n = e.text("name"); !n.empty()) name_ = n;
    }
    std::string text() const { return name_.empty() ? "the server" : name_.str(); }
    void clear() { name_ = std::string_view(); }

private:
    name_text name_;
};

struct crash_on_stop final : rule {
    static rule_info info() {
        return {
            .id = "crash-on-stop",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_start, kind::process_stderr, kind::process_exit},
            .summary =
                "the process, or one that it forked, dies of a signal that was not sent to it (SIGSEGV, SIGABRT, "
                "SIGBUS and the like), or a sanitizer reports an error",
            .why =
                "A crash loses every request, leaves a core file or nothing, and looks to a supervisor like a failed "
                "deployment. A shutdown frees objects in an order that no other code path exercises.",
            .cites = "drogon#1382, envoy#15217",
            .fix = "look at the violations before the crash in this trace, and run the server under AddressSanitizer",
            .make = make<crash_on_stop>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        switch (e.what) {
        case kind::process_start:
            if (!is_descendant(e.id)) name_.learn(e);
            return;
        case kind::process_stderr:
            for (sanitizer_report const& r : sanitizer_reports_in(e.text("text"))) {
                quoted_report const q{e.id, e.seq, " was stopped by " + r.text + after_stop(m, e.t)};
                if (r.begins_line) tell(q, out);
                else quoted_.push_back(q);
            }
            return;
        default:
            if (!ended_well(e, m)) {
                for (quoted_report const& q : quoted_) tell(q, out);
                quoted_.clear();
            }
            if (is_descendant(e.id)) return on_worker(e, m, out);
            if (m.died_unasked() && dies(e.id))
                report(
                    e.id, e.seq, m.words ? name_.text() + " died of " + m.signal.str() + after_stop(m, e.t) : "", out);
        }
    }
    // In a simulated world only the footer may record the signal.
    void end(model const& m, bool, rule_run& out) override {
        ref const main{entity::process, 1};
        if (m.died_unasked() && m.last != no_seq && dies(main))
            report(main, m.last, m.words ? name_.text() + " died of " + m.signal.str() : "", out);
    }
    void reset() override {
        name_.clear();
        reported_.clear();
        quoted_.clear();
        unexplained_ = false;
    }

private:
    // A report behind other text on its line. It is the server's own when a process ends badly after it.
    struct quoted_report {
        ref who;
        seq_t at;
        std::string what;
    };
    void tell(quoted_report const& q, rule_run& out) {
        if (!reported_.first(q.who)) return;
        unexplained_ = true;
        report(q.who, q.at, name_.text() + q.what, out);
    }

    // Whether the death of this process is news. A sanitizer's report explains one death: that of the process that
    // printed it, or of a worker that prints to the same place.
    bool dies(ref process) { return reported_.first(process) && !std::exchange(unexplained_, false); }

    // A signal that is not a fault may have been sent by its parent.
    void on_worker(event const& e, model const& m, rule_run& out) {
        std::string_view const signal = e.text("signal");
        if (!is_fault(signal) || m.was_sent(signal, e.id) || !dies(e.id)) return;
        report(e.id, e.seq,
            to_string(e.id) + ", forked by " + name_.text() + ", died of " + std::string(e.text("signal")) +
                after_stop(m, e.t),
            out);
    }
    static void report(ref who, seq_t at, std::string message, rule_run& out) {
        out.report({.subject = who, .at = at, .message = std::move(message)});
    }

    process_name name_;
    once reported_;
    std::vector<quoted_report> quoted_;
    of_trace<bool> unexplained_ = false; // a sanitizer's report after which no process died yet
};

struct killed_after_grace final : rule {
    static rule_info info() {
        return {
            .id = "killed-after-grace",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_start, kind::process_status, kind::process_signal, kind::process_exit},
            .summary =
                "the process had to be killed with SIGKILL after the stop, and no other observation explains why",
            .why = "The supervisor ends a stop that does not end by itself, and then nothing is orderly: no response, "
                   "no flush, no hook. The stop waited for the requests and coroutines that were still active. If "
                   "connections, traffic, a configured timeout, a stop before the server was ready, a handler that "
                   "waits for its own stop, or a signal that did not reach the server explain the kill, the rule for "
                   "that reports it instead, as an error.",
            .cites = "",
            .fix = "limit every wait of the stop to the grace period, then cancel, await and close",
            .make = make<killed_after_grace>,
        };
    }

    void on(event const& e, model const& m, rule_run&) override {
        bool const kill = e.text("signal") == "SIGKILL";
        if (is_descendant(e.id)) return;
        if (e.what == kind::process_start) return name_.learn(e);
        if (e.what == kind::process_status) return learn_how(e);
        if (e.what == kind::process_signal) {
            if (kill && m.t0 != no_seq && m.t0 != e.seq && sent_at_ == no_seq) sent_at_ = e.seq;
            return;
        }
        if (!kill || sent_at_ == no_seq || is_explained(e, m) || killed_) return;
        std::vector<ref> inside;
        m.requests.each([&](std::uint32_t n, request_state const&) { inside.push_back({entity::request, n}); });
        m.coroutines.each([&](std::uint32_t n, coroutine_state const&) { inside.push_back({entity::coroutine, n}); });
        violation v{.subject = e.id, .at = e.seq};
        v.message = name_.text() + " had to be killed" + after_stop(m, e.t) +
            (inside.empty() ? "" : ", with " + names(inside) + " inside") +
            (m.at_rest == model::never ? ", as without a client" : "");
        if (!takes_it_.empty()) v.message += "; it " + takes_it_;
        show(v, m, inside);
        v.witness.push_back(sent_at_);
        killed_ = std::move(v);
    }
    // Whether the signal was not forwarded may be known only later.
    void end(model const& m, bool, rule_run& out) override {
        if (killed_ && !m.not_forwarded()) out.report(std::move(*killed_));
        killed_.reset();
    }
    void reset() override {
        name_.clear();
        takes_it_.clear();
        sent_at_ = no_seq;
        killed_.reset();
    }

private:
    // What /proc said of the signal just before the stop.
    void learn_how(event const& e) {
        std::string_view const how = e.integer("ignored") ? "ignores "
            : e.integer("blocked")                        ? "blocks "
            : e.integer("awaited")                        ? "waits for "
            : e.integer("caught")                         ? "catches "
                                                          : "has no handler for ";
        takes_it_ = std::string(how) + std::string(e.text("signal", "the signal"));
    }
    static bool is_explained(event const& e, model const& m) {
        holder const by = held_until(e.t, m).by;
        bool const held = by == holder::silent || by == holder::idle || by == holder::stream || by == holder::traffic;
        return held || m.discarded || is_overdue(e.t, m) || m.stopped_before_ready() || m.ready_despite_stop() ||
            waits_for_itself(m);
    }
    process_name name_;
    of_trace<std::optional<violation>> killed_;
    of_trace<std::string> takes_it_; // "catches SIGTERM"
    of_trace<seq_t> sent_at_ = no_seq;
};

struct port_not_released final : rule {
    static rule_info info() {
        return {
            .id = "port-not-released",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_port, kind::process_orphan},
            .summary =
                "after the server's exit a socket still listens on its port, and no process of the server is known "
                "to be left",
            .why = "The next start fails, or clients connect to a socket that no process accepts from. A child process "
                   "inherited the listener, or the server passed it to another process. A worker that outlived the "
                   "process is reported as orphan-process. The rule reads the socket table of the kernel, because an "
                   "attempt to bind also fails for connections in TIME_WAIT, which are normal.",
            .cites = "mongoose#1302",
            .fix = "open the listener close-on-exec, and end the workers before the process exits",
            .make = make<port_not_released>,
        };
    }

    void on(event const& e, model const&, rule_run&) override {
        if (e.what == kind::process_orphan) {
            orphan_ = true;
            return;
        }
        looked_ = true;
        if (!e.integer("listening") || !seen_.first(e.id)) return;
        open_.push_back({e.id, e.seq, e.integer("port")});
    }
    void end(model const&, bool, rule_run& out) override {
        if (orphan_) return; // the orphan process holds the socket
        for (open_port const& p : open_)
            out.report({.subject = p.of,
                .at = p.seen,
                .message = "a socket still listens on port " + std::to_string(p.number) + " after the exit of " +
                    to_string(p.of)});
    }
    std::string_view lacks(model const&) const override { return looked_ ? "" : "a check of the port after the exit"; }
    void reset() override {
        looked_ = orphan_ = false;
        seen_.clear();
        open_.clear();
    }

private:
    struct open_port {
        ref of;
        seq_t seen;
        std::int64_t number;
    };
    of_trace<bool> looked_ = false, orphan_ = false;
    once seen_;
    std::vector<open_port> open_;
};

struct exit_status_misleading final : rule {
    static rule_info info() {
        return {
            .id = "exit-status-misleading",
            .level = severity::warning,
            .needs = clients | process,
            .kinds = {kind::client_done, kind::client_fail, kind::client_closed, kind::process_exit},
            .summary =
                "the process exits with status 0 although it lost requests that it had received or had announced to "
                "answer, or with a status that is not accepted although it lost none",
            .why = "Supervisors and deployments look only at the exit status. A zero that hides lost requests lets "
                   "every rollout pass. A failure after an orderly stop raises a false alarm each time, until it is "
                   "ignored. A process that died of a signal has no exit status and is not judged.",
            .cites = "traccar#4121",
            .fix = "exit with 0 if and only if every in-flight request was answered",
            .make = make<exit_status_misleading>,
        };
    }

    // A client may observe its loss after the exit that caused it.
    void on(event const& e, model const& m, rule_run&) override {
        if (e.what != kind::process_exit) return on_end_of_client(e, m);
        if (is_descendant(e.id) || !e.find("status")) return;
        exited_ = e.id, exit_ = e.seq;
        says_ = e.find("accepted") != nullptr;
        accepted_ = e.integer("accepted") != 0;
    }
    void end(model const& m, bool complete, rule_run& out) override {
        if (!says_ || m.t0 == no_seq || m.died() || m.startup) return; // a start that is broken off is no success
        std::string const status =
            to_string(exited_) + " exited with status " + std::to_string(m.exit_status.value_or(0));
        violation v{.subject = exited_, .at = exit_};
        if (lost_ && m.exit_status == 0) {
            v.witness = {first_};
            v.message = status + " although it lost " + std::to_string(lost_) + (lost_ == 1 ? " request" : " requests");
        } else if (!lost_ && !failed_ && complete && !accepted_) {
            v.witness = {m.t0};
            v.message = status + " after a stop that lost no request";
        } else {
            return;
        }
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, says_ ? "" : "an exit status and whether it is accepted");
    }
    void reset() override {
        exited_ = {};
        lost_ = 0;
        exit_ = first_ = no_seq;
        says_ = accepted_ = failed_ = false;
    }

private:
    // A status other than 0 is right after any loss; 0 is wrong only after the loss of what the server had received.
    void on_end_of_client(event const& e, model const& m) {
        if (e.what == kind::client_done) {
            if (is_short(e)) m.each_sent(e, [&](ref, sent_request const&) { count(e); });
            return;
        }
        peer_state const* const p = m.peers.find(e.id.number);
        bool const half_sent = p && p->half != no_seq && m.t0 != no_seq && p->half < m.t0;
        failed_ |= half_sent && ends_connection(ending_of(e));
        if (e.what == kind::client_fail)
            m.each_sent(e, [&](ref, sent_request const& s) { failed_ |= s.how.why != role::readiness; });
        each_lost(e, m, [&](ref, sent_request const&, loss how) {
            failed_ |= how != loss::unowed;
            bool const received = how == loss::in_flight || how == loss::cut || how == loss::short_framed ||
                how == loss::goaway || how == loss::second_stop;
            if (received) count(e);
        });
        if (loss_of_unknown(e, m) != loss::unowed) count(e);
    }
    void count(event const& e) {
        if (lost_++ == 0) first_ = e.seq;
    }

    of_trace<ref> exited_; // the main process
    of_trace<std::size_t> lost_ = 0;
    of_trace<seq_t> exit_ = no_seq, first_ = no_seq;
    of_trace<bool> says_ = false, accepted_ = false, failed_ = false;
};

struct orphan_process final : rule {
    static rule_info info() {
        return {
            .id = "orphan-process",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_orphan, kind::process_left},
            .summary = "a descendant of the server's main process still runs after the main process has exited",
            .why =
                "No supervisor watches the descendant any more. It keeps memory, locks, connections and often the "
                "listening socket, so that the next start fails or shares its port with a worker of the old version. "
                "A supervisor that looks only at the main process reports a successful stop.",
            .cites = "swoole#932",
            .fix = "stop the children, wait for each of them, and let them die with their parent (PR_SET_PDEATHSIG, or "
                   "a pipe that closes)",
            .make = make<orphan_process>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        looked_ = true;
        if (e.what == kind::process_left) return;
        std::string const name(e.text("name"));
        out.report({.subject = e.id,
            .at = e.seq,
            .message = to_string(e.id) + (name.empty() ? "" : " (" + name + ")") +
                " still runs after the exit of the server" + after_stop(m, e.t)});
    }
    std::string_view lacks(model const&) const override {
        return looked_ ? "" : "a check for remaining processes after the exit";
    }
    void reset() override { looked_ = false; }

private:
    of_trace<bool> looked_ = false;
};

struct fd_leak final : rule {
    static rule_info info() {
        return {
            .id = "fd-leak",
            .level = severity::warning,
            .needs = process,
            .kinds = {kind::process_files},
            .summary =
                "after the stop, with no client connected, a process has more open file descriptors than when it was "
                "ready, or connections in CLOSE_WAIT",
            .why =
                "Its listener is closed by then, so it should have fewer. The remaining descriptors belong to "
                "finished requests: a file, a pipe, a connection to a backend, or a connection whose client has left "
                "and that was not closed. In a server that is reloaded instead of restarted they add up until accept "
                "fails.",
            .cites = "haproxy#1053",
            .fix = "tie each descriptor to an owner that closes it, also on error and on cancellation",
            .make = make<fd_leak>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        std::int64_t const open = e.integer("open"), waiting = e.integer("close_wait");
        auto const of = std::find_if(ready_.begin(), ready_.end(), [&](counted const& c) { return c.of == e.id; });
        if (e.text("when") == "ready") {
            if (of == ready_.end()) ready_.push_back({e.id, e.seq, open});
            else *of = {e.id, e.seq, open};
            return;
        }
        if (e.text("when") != "drained" || m.t0 == no_seq) return;
        bool const more = of != ready_.end() && open > of->open;
        looked_ |= of != ready_.end();
        if (!more && !waiting) return;
        violation v{.subject = e.id, .at = e.seq};
        if (of != ready_.end()) v.witness = {of->seen};
        v.message = to_string(e.id) + " has " + std::to_string(open) + " file descriptors open and no client connected";
        if (more) v.message += ", " + std::to_string(open - of->open) + " more than when it was ready";
        if (waiting) v.message += ", " + std::to_string(waiting) + " of them in CLOSE_WAIT";
        out.report(std::move(v));
    }
    std::string_view lacks(model const&) const override {
        return looked_ ? "" : "counts of file descriptors when ready and when drained";
    }
    void reset() override {
        ready_.clear();
        looked_ = false;
    }

private:
    struct counted {
        ref of;
        seq_t seen;
        std::int64_t open;
    };
    std::vector<counted> ready_; // by process
    of_trace<bool> looked_ = false;
};

} // namespace

std::span<rule_info const> process_rules() {
    static std::array const rules = {crash_on_stop::info(), exit_status_misleading::info(), killed_after_grace::info(),
        port_not_released::info(), orphan_process::info(), fd_leak::info()};
    return rules;
}

} // namespace shutdown_repro::traces
