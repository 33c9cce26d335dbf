// Rules about what clients see. They need no fact from inside the server, so they judge any server.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr std::string_view a_stop = "a stop";

bool ends_connection(std::string_view how) { return how == "reset" || how == "eof" || how == "truncated"; }

struct connection_reset_inflight final : rule {
    static rule_info info() {
        return {
            .id = "connection-reset-inflight",
            .level = severity::error,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_fail},
            .summary = "a request that was wholly sent before the stop gets a reset or an end of stream and no byte of a response",
            .why = "The request was in the server's hands before it was asked to stop, so a graceful stop owes it a response. The "
                   "client can't tell whether it was executed: it must not repeat what is not idempotent, and the user sees an error. "
                   "Mostly the process exits, or the handler is dropped, while the response is still to come.",
            .cites = "gunicorn#2529, vert.x#5184, actix-net#945",
            .fix = "count a request as active from its first byte on, and close its connection only after its response was written",
            .make = make<connection_reset_inflight>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        std::string_view const how = e.text("how");
        if (m.t0 == no_seq || !ends_connection(how)) return;
        // Bytes that the failure counts belong to the response that was under way; those behind it got none.
        ref const named = e.id_of("request");
        bool under_way = how == "truncated" || e.integer("received") > 0;
        m.each_sent(e, [&](ref who, sent_request const& s) {
            if (under_way && (!named || who == named)) under_way = false;
            else if (s.sent < m.t0 && s.received == 0) report(who, s, e, m, out);
        });
    }
    std::string_view lacks(model const& m) const override { return m.t0 == no_seq ? a_stop : ""; }

private:
    static void report(ref who, sent_request const& s, event const& e, model const& m, rule_run& out) {
        violation v{.subject = who, .at = e.seq, .witness = {s.sent, m.t0}};
        v.message = to_string(who) + " was sent " + duration_text(m.t0_time - s.sent_at) + " before the stop and " +
                    (e.text("how") == "reset" ? "reset" : "closed") + " without a byte of a response";
        out.report(std::move(v));
    }
};

struct response_truncated final : rule {
    static rule_info info() {
        return {
            .id = "response-truncated",
            .level = severity::error,
            .needs = clients,
            .kinds = {kind::client_fail},
            .summary = "response bytes, then an end of stream or a reset before the response's framing ends",
            .why = "Part of a response is worse than none: a client or a cache that is not careful takes it for the whole. The server "
                   "closed the connection, or exited, with the rest still in its buffers or still to be produced.",
            .cites = "jetty#4047",
            .fix = "close only after the response was flushed to the socket, and end a response that can't be completed with a reset",
            .make = make<response_truncated>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        std::string_view const how = e.text("how");
        if (!ends_connection(how)) return;
        std::int64_t received = e.integer("received");
        violation v{.subject = e.id_of("request"), .at = e.seq};
        ref const named = v.subject;
        bool found = false;
        m.each_sent(e, [&](ref who, sent_request const& s) {
            if (found || (named && who != named)) return; // those behind it
            found = true;
            received = std::max(received, s.received);
            v.subject = who;
            if (s.sent != no_seq) v.witness.push_back(s.sent);
            if (s.first_byte != no_seq) v.witness.push_back(s.first_byte);
        });
        if (how != "truncated" && received <= 0) return;
        if (!v.subject) v.subject = e.id;
        v.message = to_string(v.subject) + "'s response was cut off" + (received > 0 ? " after " + std::to_string(received) + " bytes" : "") +
                    (how == "reset" ? " by a reset" : " by the end of the stream");
        out.report(std::move(v));
    }
};

struct accept_after_stop final : rule {
    static constexpr nanoseconds tolerance = 250'000'000; // for the signal to arrive and the listener to close

    static rule_info info() {
        return {
            .id = "accept-after-stop",
            .level = severity::warning,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_done, kind::client_fail, kind::client_closed},
            .summary = "a connection begun more than 250 ms after the stop is accepted; an error when it is then reset",
            .why = "A server that stops should turn new clients away at once, so that they go to another instance. One that goes on "
                   "accepting prolongs its own drain, and one that accepts and then resets loses requests that would have been served "
                   "elsewhere. A refused connection is fine, and a connection begun before the stop is no new one.",
            .cites = "cockroach#1546, granian#548",
            .fix = "close the listening socket first of all; a socket that is no longer accepted from still completes connections",
            .make = make<accept_after_stop>,
        };
    }

    // Judged when it is known how the connection fared.
    void on(event const& e, model const& m, rule_run& out) override {
        client_state const* c = m.clients.find(e.id.number);
        if (!c) return;
        judge_client(e.id, *c, e.what == kind::client_fail && ends_connection(e.text("how")) ? &e : nullptr, m, out);
    }
    void end(model const& m, bool, rule_run& out) override {
        m.clients.each([&](std::uint32_t n, client_state const& c) { judge_client({entity::client, n}, c, nullptr, m, out); });
    }
    std::string_view lacks(model const& m) const override { return m.t0 == no_seq ? a_stop : ""; }

private:
    static void judge_client(ref who, client_state const& c, event const* cut_off, model const& m, rule_run& out) {
        if (m.t0 == no_seq || c.connected == no_seq || c.connect_at <= m.t0_time + tolerance) return;
        violation v{.subject = who, .at = c.connected, .witness = {m.t0, c.connect}};
        v.message = to_string(who) + " was accepted " + duration_text(c.connect_at - m.t0_time) + " after the stop";
        if (cut_off) {
            v.level = severity::error;
            v.message += " and then cut off";
            v.witness.push_back(cut_off->seq);
        }
        std::sort(v.witness.begin(), v.witness.end());
        out.report(std::move(v));
    }
};

} // namespace

std::span<rule_info const> client_rules() {
    static std::array const rules = {connection_reset_inflight::info(), response_truncated::info(), accept_after_stop::info()};
    return rules;
}

} // namespace shutdown_repro::traces
