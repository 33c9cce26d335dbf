// Rules about the duration of a stop, and what it waits for.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/held.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {
namespace {

// Whether this holder explains the exit of the main process. Shared by the rules for one holder.
bool is_held_by(holder who, event const& exit, model const& m, holding& how) {
    if (m.t0 == no_seq || is_descendant(exit.id) || is_overdue(exit.t, m)) return false;
    how = held_until(exit.t, m);
    return how.by == who;
}

std::string_view lacks_exit(model const& m) { return lacks_stop(m, m.process_exited ? "" : "the exit of the process"); }

bool was_killed(event const& exit) { return exit.text("signal") == "SIGKILL"; }

// "the idle connection of client:1", or "the idle connection:1" where the server's own facts name the connection.
std::string idle_text(ref who) {
    return (who.type == entity::client ? "the idle connection of " : "the idle ") + to_string(who);
}

void report_held(ref who, std::string_view what, holding const& how, event const& exit, model const& m, rule_run& out) {
    violation v{.subject = who, .at = exit.seq, .witness = {how.shown, m.t0}};
    if (was_killed(exit)) v.level = severity::error;
    v.message = to_string(exit.id) + (was_killed(exit) ? " had to be killed while " : " exited only when ") +
        std::string(what) + (was_killed(exit) ? " continued, " : " ended, ") + duration_text(exit.t - m.t0_time) +
        " after the stop";
    if (how.quiet != exit.t - m.t0_time) v.message += " and " + duration_text(how.quiet) + " after the last work";
    out.report(std::move(v));
}

struct drain_timeout_exceeded final : rule {
    static rule_info info() {
        return {
            .id = "drain-timeout-exceeded",
            .level = severity::error,
            .needs = process,
            .kinds = {kind::process_exit},
            .summary = "the process exits, or is killed, more than a second after its configured drain timeout",
            .why =
                "A drain timeout is a promise to the supervisor, which sets its own limit by it: a server that takes "
                "longer is killed in the middle of its work. Usually the timeout limits only one of several waits, "
                "or starts again with each of them. This rule is reported instead of the rule for what the server "
                "waited for, because the timeout should have ended that wait.",
            .cites = "ktor#1457, hypercorn#374",
            .fix = "compute one deadline when the stop begins, and limit every later wait to the time that is left",
            .make = make<drain_timeout_exceeded>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (is_descendant(e.id) || !is_overdue(e.t, m)) return;
        violation v{.subject = e.id, .at = e.seq, .witness = {m.t0}};
        v.message = to_string(e.id) + (was_killed(e) ? " had to be killed " : " exited ") +
            duration_text(e.t - m.t0_time) + " after the stop; its drain timeout is " + duration_text(m.drain_timeout);
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        return !m.drain_timeout ? "a configured drain timeout" : lacks_exit(m);
    }
};

// There are two ways to find out what a stop waited for. The facts of the server are exact: the loop ends because of
// the timeout of a connection without an open request. From outside it is inferred, see held.hpp.
struct idle_connection_blocks_stop final : rule {
    static rule_info info() {
        return {
            .id = "idle-connection-blocks-stop",
            .level = severity::warning,
            .needs = 0,
            .needs_one_of = clients | connections,
            .kinds = {kind::connection_open, kind::connection_close, kind::request_begin, kind::request_finish,
                kind::stream_timeout, kind::stream_close, kind::loop_stopping, kind::loop_stop, kind::server_stopped,
                kind::process_exit},
            .summary =
                "the stop ends only when an idle keep-alive connection ends, with no request open; an error if the "
                "process has to be killed",
            .why = "Between two requests of a keep-alive connection the server owes nothing and may close it. A stop "
                   "that counts connections instead of requests waits for the keep-alive timeout, or for a client that "
                   "never closes, and each deployment takes that much longer. The rule reads it from the server's own "
                   "facts, or from outside, when the exit follows the end of an idle connection more than 250 ms after "
                   "the last work. If a connection that never sent a byte is open too, outside facts can't tell which "
                   "of the two it was, and they are not judged.",
            .cites = "aiohttp#1221, node#2642",
            .fix = "close idle connections when the stop begins, and every other connection after its response",
            .make = make<idle_connection_blocks_stop>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        follow(e, m);
        if (m.t0 == no_seq || reported_) return;
        switch (e.what) {
        case kind::stream_timeout:
            if (peer const* p = e.parent.type == entity::connection ? served_.find(e.parent.number) : nullptr;
                p && p->idle())
                timed_out_ = e.parent, timed_out_at_ = e.seq;
            return;
        case kind::loop_stopping: return by_own_facts(e, m, out);
        case kind::loop_stop:
        case kind::server_stopped:
        case kind::process_exit: return from_outside(e, m, out);
        default: return;
        }
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, ended_ ? "" : "the end of a loop or process");
    }
    void reset() override {
        served_.clear();
        timed_out_at_ = gone_at_seq_ = no_seq;
        gone_at_ = 0;
        reported_ = ended_ = false;
    }

private:
    struct peer {
        std::uint32_t open = 0;    // requests
        seq_t idle_since = no_seq; // the end of its latest request
        bool idle() const { return !open && idle_since != no_seq; }
    };

    // Tracks the connections of the server; the model tracks those of the clients.
    void follow(event const& e, model const& m) {
        switch (e.what) {
        case kind::connection_open: served_.open(e.id.number); return;
        case kind::connection_close: return gone(e.id, e);
        case kind::stream_close:
            if (e.parent.type == entity::connection) gone(e.parent, e);
            return;
        case kind::request_begin:
            if (e.parent.type == entity::connection) ++served_.open(e.parent.number).open;
            return;
        case kind::request_finish: {
            request_state const* const r = m.requests.find(e.id.number);
            peer* const p = r && r->connection ? served_.find(r->connection.number) : nullptr;
            if (p) p->open -= p->open > 0, p->idle_since = e.seq;
            return;
        }
        default: return;
        }
    }
    void gone(ref who, event const& e) {
        peer const* p = served_.find(who.number);
        if (p && p->idle()) gone_ = who, gone_at_ = e.t, gone_at_seq_ = e.seq;
        served_.close(who.number);
    }

    static nanoseconds quiet_since(model const& m) { return std::max(m.drain_from(), m.worked); }

    void by_own_facts(event const& e, model const& m, rule_run& out) {
        bool const because = std::find(e.because.begin(), e.because.end(), timed_out_at_) != e.because.end();
        if (timed_out_at_ == no_seq || !because || e.t - quiet_since(m) < felt) return;
        std::string message = to_string(e.id) + " ended only when the idle " + to_string(timed_out_) + " timed out";
        report(timed_out_, timed_out_at_, std::move(message), e, m, out);
    }

    // The exit came when the last idle connection ended, or the exit itself closed it.
    void from_outside(event const& e, model const& m, rule_run& out) {
        ended_ = true;
        // While another server or loop runs, a connection may be that one's.
        bool const others = e.what == kind::server_stopped ? m.other_server_runs(e.id)
            : e.what == kind::loop_stop                    ? m.other_loop_runs(e.id)
                                                           : is_descendant(e.id);
        if (others || is_overdue(e.t, m)) return;
        holding how = held_until(e.t, m);
        bool const from_clients = m.peers.size() || m.left[static_cast<std::size_t>(peer_state::standing::idle)].who;
        if (!from_clients) how = held_by_served(e, m);
        if (how.by != holder::idle) return;
        if (e.what != kind::process_exit || !was_killed(e))
            return report(
                how.who, how.shown, to_string(e.id) + " ended only when " + idle_text(how.who) + " ended", e, m, out);
        reported_ = true;
        report_held(how.who, idle_text(how.who), how, e, m, out);
    }

    holding held_by_served(event const& e, model const& m) const {
        holding out{.who = gone_, .shown = gone_at_seq_};
        nanoseconds until = gone_at_;
        bool busy = false, open = false;
        served_.each([&](std::uint32_t n, peer const& p) {
            busy |= !p.idle();
            if (p.idle() && !open)
                out.who = {entity::connection, n}, out.shown = p.idle_since, until = e.t, open = true;
        });
        bool const held =
            !busy && out.shown != no_seq && until - quiet_since(m) >= tolerance && e.t - until <= tolerance;
        if (held) out.by = holder::idle;
        return out;
    }

    void report(ref idle, seq_t shown, std::string message, event const& e, model const& m, rule_run& out) {
        reported_ = true;
        nanoseconds const quiet = e.t - quiet_since(m);
        message += ", " + duration_text(e.t - m.t0_time) + " after the stop";
        if (quiet != e.t - m.t0_time) message += " and " + duration_text(quiet) + " after the last work";
        out.report({.subject = idle, .at = e.seq, .witness = {shown}, .message = std::move(message)});
    }

    static constexpr nanoseconds felt = 50'000'000;
    live_set<peer> served_;
    of_trace<ref> timed_out_, gone_; // the latest idle one
    of_trace<seq_t> timed_out_at_ = no_seq, gone_at_seq_ = no_seq;
    of_trace<nanoseconds> gone_at_ = 0;
    of_trace<bool> reported_ = false, ended_ = false;
};

struct silent_connection_blocks_stop final : rule {
    static rule_info info() {
        return {
            .id = "silent-connection-blocks-stop",
            .level = severity::error,
            .needs = clients | process,
            .kinds = {kind::client_connected, kind::process_exit},
            .summary =
                "the process exits only when a connection ends on which no byte was ever sent, or has to be killed",
            .why =
                "Browsers and connection pools open connections in advance, and port scanners open them and send "
                "nothing. A server that takes such a connection for the beginning of a request waits for its header "
                "timeout, which is often a minute or unlimited. Any client can then delay the stop without sending a "
                "byte.",
            .cites = "golang/go#22682, hyper#2730",
            .fix = "after the stop, close a connection without a byte like an idle one, at once or after a few seconds",
            .make = make<silent_connection_blocks_stop>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        holding how;
        if (e.what == kind::client_connected) connected_ = true;
        else if (is_held_by(holder::silent, e, m, how))
            report_held(how.who, "the silent connection of " + to_string(how.who), how, e, m, out);
    }
    std::string_view lacks(model const& m) const override { return connected_ ? lacks_exit(m) : "a connection"; }
    void reset() override { connected_ = false; }

private:
    of_trace<bool> connected_ = false;
};

struct stream_blocks_stop final : rule {
    static rule_info info() {
        return {
            .id = "stream-blocks-stop",
            .level = severity::warning,
            .needs = clients | process,
            .kinds = {kind::client_send, kind::process_exit},
            .summary =
                "the process exits only when a response without an end ends, with no other work left; an error if "
                "the process has to be killed",
            .why =
                "An event stream or a long poll never ends by itself. A drain that waits for every response to end "
                "waits for the client, until the supervisor loses patience and cuts off everything at once. Only the "
                "server can tell the handler of such a stream that it is time to end.",
            .cites = "axum#2673",
            .fix = "notify handlers of the stop through a token that they can await, and let streams end on it",
            .make = make<stream_blocks_stop>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        holding how;
        if (e.what == kind::client_send) {
            peer_state const* const p = m.peers.find(e.id.number);
            there_ |= p && p->why == role::stream;
        } else if (there_ && is_held_by(holder::stream, e, m, how)) {
            report_held(how.who, "the endless response to " + to_string(how.who), how, e, m, out);
        }
    }
    std::string_view lacks(model const& m) const override {
        return there_ ? lacks_exit(m) : "a response without an end";
    }
    void reset() override { there_ = false; }

private:
    of_trace<bool> there_ = false;
};

struct drain_starved final : rule {
    static rule_info info() {
        return {
            .id = "drain-starved",
            .level = severity::warning,
            .needs = clients | process,
            .kinds = {kind::client_traffic, kind::process_exit},
            .summary =
                "the process exits only when traffic that continued after the stop ends; an error if the process has "
                "to be killed",
            .why =
                "A drain that waits for a moment without a request never ends on a busy server: requests on "
                "keep-alive connections, or new ones from a listener that is still open, follow each other without a "
                "gap. Such a server stops quickly in every test and slowly in production.",
            .cites = "actix-web#929",
            .fix = "when the stop begins, close the listener and stop keeping connections alive, so that the remaining "
                   "work can only shrink",
            .make = make<drain_starved>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        holding how;
        if (e.what == kind::client_traffic) who_ = e.id;
        else if (m.traffic != no_seq && is_held_by(holder::traffic, e, m, how))
            report_held(
                who_, "the traffic of " + to_string(who_), {.shown = how.shown, .quiet = e.t - m.t0_time}, e, m, out);
    }
    std::string_view lacks(model const& m) const override {
        return who_ ? lacks_exit(m) : "traffic that continues after the stop";
    }
    void reset() override { who_ = {}; }

private:
    of_trace<ref> who_;
};

struct full_delay_without_work final : rule {
    static rule_info info() {
        return {
            .id = "full-delay-without-work",
            .level = severity::note,
            .needs = clients | process,
            .kinds = {kind::process_exit},
            .summary = "the process takes more than two seconds to exit, and as long when no client is connected; or "
                       "its whole drain timeout, although no connection for which a stop may wait was open for at "
                       "least half of it",
            .why =
                "The timeout is meant as the maximum that a stop may take, and this server always sleeps for all of "
                "it. Each deployment of an idle instance takes as long as that of a busy one, and a generous timeout "
                "for a rare long request delays every stop.",
            .cites = "openjdk/jdk#25333",
            .fix = "wait for the last request, with the timeout as a limit",
            .make = make<full_delay_without_work>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (m.t0 == no_seq || is_descendant(e.id) || was_killed(e) || is_overdue(e.t, m)) return;
        holding const how = held_until(e.t, m);
        if (how.by != holder::nobody) return;
        bool const at_rest = m.at_rest && *m.at_rest != model::never;
        at_rest ? by_control(e, m, out) : by_timeout(how, e, m, out);
    }
    std::string_view lacks(model const& m) const override {
        return !m.drain_timeout && !m.at_rest ? "a configured drain timeout, or the time of a stop without a client"
                                              : lacks_exit(m);
    }

private:
    static constexpr nanoseconds slow = 2'000'000'000; // many servers look once a second whether they are done

    static void by_control(event const& e, model const& m, rule_run& out) {
        nanoseconds const took = e.t - m.t0_time;
        if (*m.at_rest - m.accepts_for < slow || took - m.accepts_for < slow || !takes_as_long_at_rest(e.t, m)) return;
        violation v{.subject = e.id, .at = e.seq, .witness = {m.t0}};
        v.message = to_string(e.id) + " took " + duration_text(took) + " to stop, and takes " +
            duration_text(*m.at_rest) + " with no client connected";
        out.report(std::move(v));
    }
    static void by_timeout(holding const& how, event const& e, model const& m, rule_run& out) {
        if (m.drain_timeout < 2 * tolerance || e.t - m.drain_from() < m.drain_timeout - tolerance) return;
        bool open = false;
        m.peers.each(
            [&](std::uint32_t, peer_state const& p) { open |= p.stands(m.t0) != peer_state::standing::apart; });
        if (open) return;
        nanoseconds alone = how.quiet;
        for (gone_peer const& g : m.left)
            if (g.who) alone = std::min(alone, e.t - g.at);
        if (alone < m.drain_timeout / 2) return;
        violation v{.subject = e.id, .at = e.seq, .witness = {m.t0}};
        v.message = to_string(e.id) + " took " + duration_text(e.t - m.t0_time) +
            " to stop, its whole drain timeout, although no connection was open for the last " + duration_text(alone);
        out.report(std::move(v));
    }
};

} // namespace

std::span<rule_info const> time_rules() {
    static std::array const rules = {
        drain_timeout_exceeded::info(),
        idle_connection_blocks_stop::info(),
        silent_connection_blocks_stop::info(),
        stream_blocks_stop::info(),
        drain_starved::info(),
        full_delay_without_work::info(),
    };
    return rules;
}

} // namespace shutdown_repro::traces
