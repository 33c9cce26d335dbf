// Rules about how a stopping server informs its clients: by refusing new connections, by its responses, by the answer
// to a readiness probe, and by closing its connections.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {
namespace {

// Readiness probes and traffic have rules of their own.
bool is_a_customer(role r) { return r != role::readiness && r != role::traffic; }

// A server that has to be killed even when no client is connected never begins to stop: a rule says that, and these
// rules have nothing to add.
bool ignores_stop(model const& m) { return m.at_rest == model::never; }

bool is_past(nanoseconds at, model const& m) {
    return m.t0 != no_seq && at > m.t0_time + tolerance && !ignores_stop(m);
}

// A server that accepts for some time after the stop, on purpose, drains only then.
bool is_past_delay(nanoseconds at, model const& m) {
    return m.t0 != no_seq && at > m.drain_from() + tolerance && !ignores_stop(m);
}

struct close_not_announced final : rule {
    static rule_info info() {
        return {
            .id = "close-not-announced",
            .level = severity::note,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_done},
            .summary = "a response that begins more than 250 ms after the stop does not say Connection: close",
            .why =
                "The server is going to close the connection. A client that is not told keeps the connection for its "
                "next request, which then races with the close. One header avoids the race. This is a note, because "
                "HTTP allows it, and responses of HTTP/2 have no such header.",
            .cites = "gunicorn#2313, wai#853",
            .fix = "add Connection: close to every response after the stop",
            .make = make<close_not_announced>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (!e.find("close") || e.find("stream")) return;
        m.each_sent(e, [&](ref who, sent_request const& s) {
            if (!is_a_customer(s.how.why) || !is_past_delay(s.first_byte == no_seq ? e.t : s.first_byte_at, m)) return;
            looked_ = true;
            if (e.integer("close") || told_) return;
            told_ = true; // report it once: it is a property of the server, not of one response
            violation v{.subject = who, .at = e.seq, .witness = {m.t0}};
            v.message = to_string(who) + " was answered " + duration_text(e.t - m.t0_time) +
                " after the stop without Connection: close";
            out.report(std::move(v));
        });
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(
            m, looked_ ? "" : "a response that begins after the stop and whether it says Connection: close");
    }
    void reset() override { looked_ = told_ = false; }

private:
    of_trace<bool> looked_ = false, told_ = false;
};

struct accept_after_stop final : rule {
    static rule_info info() {
        return {
            .id = "accept-after-stop",
            .level = severity::warning,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_done, kind::client_fail, kind::client_closed, kind::client_leave},
            .summary =
                "a connection that a client begins more than 250 ms after the stop is accepted; an error if it is "
                "then reset",
            .why =
                "A stopping server should refuse new connections at once, so that clients use another instance. A "
                "server that continues to accept prolongs its own drain, and one that accepts and then resets loses "
                "requests that another instance would have served. A refused connection is not a violation, nor is a "
                "response 503 that closes it, and a "
                "connection begun before the stop is not new. Readiness probes, and traffic that is meant to prolong "
                "the drain, have rules of their own. If the trace says that the server goes on accepting for some "
                "time on purpose, that time is added to the 250 ms.",
            .cites = "cockroach#1546, granian#548",
            .fix = "close the listening socket first: the kernel completes connections on it even if the server no "
                   "longer accepts",
            .make = make<accept_after_stop>,
        };
    }

    // Judges a connection when its outcome is known.
    void on(event const& e, model const& m, rule_run& out) override {
        client_state const* c = m.clients.find(e.id.number);
        if (!c || is_turned_away(e)) return;
        judge_client(e.id, *c, cuts_off(e, *c) ? &e : nullptr, m, out);
    }
    void end(model const& m, bool, rule_run& out) override {
        m.clients.each([&](std::uint32_t n, client_state const& c) {
            judge_client({entity::client, n}, c, nullptr, m, out);
        });
    }
    std::string_view lacks(model const& m) const override { return lacks_stop(m); }

private:
    static bool cuts_off(event const& e, client_state const& c) {
        if (e.what == kind::client_fail) return ends_connection(e.text("how"));
        return e.what == kind::client_closed && (e.text("how") == "reset" || c.sent != no_seq);
    }
    // The polite way to refuse a request.
    static bool is_turned_away(event const& e) {
        return e.what == kind::client_done && e.integer("status") == 503 && e.integer("close");
    }
    static void judge_client(ref who, client_state const& c, event const* cut_off, model const& m, rule_run& out) {
        if (c.connected == no_seq || !is_past_delay(c.connect_at, m)) return;
        if (!is_a_customer(c.why)) return;
        violation v{.subject = who, .at = c.connected, .witness = {m.t0, c.connect}};
        v.message = to_string(who) + " was accepted " + duration_text(c.connect_at - m.t0_time) + " after the stop";
        if (cut_off) {
            v.level = severity::error;
            v.message += " and then cut off";
            v.witness.push_back(cut_off->seq);
        }
        out.report(std::move(v));
    }
};

struct readiness_not_flipped final : rule {
    static rule_info info() {
        return {
            .id = "readiness-not-flipped",
            .level = severity::note,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_done, kind::client_fail},
            .summary = "a readiness probe that is sent more than 250 ms after the stop still gets a successful status",
            .why =
                "A load balancer sends new requests while the probe succeeds. A stopping server that still reports "
                "itself ready keeps receiving requests until its listener is closed, and each of them is then "
                "refused or races with the close. A probe that is refused, fails or is answered with 503 is correct.",
            .cites = "",
            .fix = "let the readiness handler answer 503 after the stop, and close the listener only after the load "
                   "balancer has seen it",
            .make = make<readiness_not_flipped>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        peer_state const* const p = m.peers.find(e.id.number);
        if (!p || p->why != role::readiness) return;
        client_state const* const c = m.clients.find(e.id.number);
        if (!c) return;
        bool const sent = c->sent != no_seq;
        nanoseconds const at = sent ? c->sent_at : c->connect_at;
        if (!is_past(at, m)) return;
        looked_ = true;
        bool const success = e.what == kind::client_done && e.integer("status") >= 200 && e.integer("status") < 300;
        if (!success || told_) return;
        told_ = true;
        violation v{.subject = e.id, .at = e.seq, .witness = {m.t0, sent ? c->sent : c->connect}};
        v.message = to_string(e.id) + " asked " + duration_text(at - m.t0_time) +
            " after the stop whether the server is ready, and was answered " + std::to_string(e.integer("status"));
        out.report(std::move(v));
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, looked_ ? "" : "a readiness probe after the stop");
    }
    void reset() override { looked_ = told_ = false; }

private:
    of_trace<bool> looked_ = false, told_ = false;
};

struct ghost_connection final : rule {
    static rule_info info() {
        return {
            .id = "ghost-connection",
            .level = severity::note,
            .needs = clients | process,
            .kinds = {kind::client_open},
            .summary = "the process has exited, and one of its clients has seen neither an end of stream nor a reset",
            .why = "When a process exits, the kernel closes its files. A connection that stays open was inherited by a "
                   "process that still runs, or a proxy holds it open. The client waits for a response until its own "
                   "timeout.",
            .cites = "",
            .fix = "open sockets close-on-exec, and end every process that shares them",
            .make = make<ghost_connection>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (m.process_exited)
            out.report({.subject = e.id,
                .at = e.seq,
                .message = to_string(e.id) + " still has its connection to a process that has exited"});
    }
    std::string_view lacks(model const& m) const override { return m.process_exited ? "" : "the exit of the process"; }
};

} // namespace

std::span<rule_info const> announce_rules() {
    static std::array const rules = {close_not_announced::info(), accept_after_stop::info(),
        readiness_not_flipped::info(), ghost_connection::info()};
    return rules;
}

} // namespace shutdown_repro::traces
