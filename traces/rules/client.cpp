// Rules about the responses that clients receive. They need no facts from inside the server, so they can judge any
// server.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/lost.hpp"
#include "traces/rules/unread.hpp"

namespace shutdown_repro::traces {
namespace {

bool is_of_connection(kind what) { return what == kind::connection_read || what == kind::connection_close; }

struct connection_reset_inflight final : rule {
    static rule_info info() {
        return {
            .id = "connection-reset-inflight",
            .level = severity::error,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_fail, kind::client_closed, kind::connection_read, kind::connection_close},
            .summary = "a request that was sent before the stop, completely or but for a part of its body, or at any "
                       "time when "
                       "nothing is stopped, gets a reset or an end of stream and no byte of a response",
            .why = "The server had the complete request before the stop, so a graceful stop owes it a response. A "
                   "reload, an upgrade, or a worker that is recycled owes one to every request. The "
                   "client can't tell whether the request was executed: it must not repeat a request that is not "
                   "idempotent, and the user sees an error. Usually the process exits, or the handler is dropped, "
                   "before the response is written. If a more specific rule describes the loss, only that rule reports "
                   "it.",
            .cites = "gunicorn#2529, vert.x#5184, actix-net#945",
            .fix =
                "count a request as active from its first byte, and close its connection only after its response was "
                "written",
            .make = make<connection_reset_inflight>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (is_of_connection(e.what)) return unread_.note(e);
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            if (how == loss::in_flight && unread_.closed_with(who, m) == no_seq) report(who, s, e, m, out);
        });
    }
    std::string_view lacks(model const& m) const override { return lacks_act(m); }
    void reset() override { unread_.clear(); }

private:
    static void report(ref who, sent_request const& s, event const& e, model const& m, rule_run& out) {
        std::string message;
        if (m.words)
            message = to_string(who) + (s.how.partly ? " was sent, but for a part of its body, " : " was sent ") +
                moment_text(s.sent_at, m) + ", and " + "its connection was " +
                (ending_of(e) == "reset" ? "reset" : "closed") + " without a byte of a response";
        report_lost(who, s.sent, std::move(message), e, m, out);
    }
    unread_requests unread_;
};

struct closed_with_unread_request final : rule {
    static rule_info info() {
        return {
            .id = "closed-with-unread-request",
            .level = severity::error,
            .needs = clients | connections,
            .kinds = {kind::client_fail, kind::client_closed, kind::connection_open, kind::connection_read,
                kind::connection_close},
            .summary = "a steered server closes a connection with a whole request in it that was sent before the stop "
                       "and that it has not read, and the client gets no byte of a response",
            .why = "The request had arrived before the stop, and the server never looked at it: it took the connection "
                   "for idle. Usually a server that stops closes all connections between two requests, and does not "
                   "ask the kernel first whether the next request is there. The kernel answers a close with unread "
                   "bytes by a reset. A request that is sent after the stop may meet the close of an idle connection, "
                   "and is not owed a response.",
            .cites = "",
            .fix = "before closing an idle connection, read from it once without waiting, and serve what is there; or "
                   "announce the close with a last response",
            .make = make<closed_with_unread_request>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        steered_ = steered_ || e.find("step");
        if (e.what == kind::connection_open) return;
        if (is_of_connection(e.what)) return unread_.note(e);
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            seq_t const closed = how == loss::in_flight ? unread_.closed_with(who, m) : no_seq;
            if (closed == no_seq) return;
            out.report({.subject = who,
                .at = closed,
                .witness = {s.sent, m.cause(), e.seq},
                .message = to_string(who) + " was sent " + moment_text(s.sent_at, m) +
                    ", and the server closed its connection without having read it"});
        });
    }
    std::string_view lacks(model const& m) const override {
        return lacks_act(m, steered_ ? "" : "the steps of a steered server");
    }
    void reset() override {
        unread_.clear();
        steered_ = false;
    }

private:
    unread_requests unread_;
    of_trace<bool> steered_ = false;
};

struct response_truncated final : rule {
    static rule_info info() {
        return {
            .id = "response-truncated",
            .level = severity::error,
            .needs = clients,
            .kinds = {kind::client_fail, kind::client_closed},
            .summary = "a response begins, and a reset or an end of stream comes before the response's framing ends",
            .why = "A partial response is worse than none: a careless client or cache takes it for the complete "
                   "response. The server closed the connection, or exited, while the rest was still in its buffers or "
                   "not yet produced. A response without an end, such as an event stream, is exempt: a stop has to cut "
                   "it off.",
            .cites = "jetty#4047",
            .fix =
                "close only after the response was flushed to the socket, and end a response that can't be completed "
                "with a reset",
            .make = make<response_truncated>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            if (how == loss::cut)
                report(who, std::max(e.integer("received"), s.received), {s.sent, s.first_byte}, e, out);
        });
        if (loss_of_unknown(e, m) != loss::cut) return;
        ref const named = e.id_of("request");
        report(named ? named : e.id, e.integer("received"), {}, e, out);
    }

private:
    static void report(
        ref who, std::int64_t received, std::initializer_list<seq_t> shown, event const& e, rule_run& out) {
        violation v{.subject = who, .at = e.seq};
        for (seq_t const s : shown)
            if (s != no_seq) v.witness.push_back(s);
        v.message = to_string(who) + "'s response was truncated" +
            (received > 0 ? " after " + std::to_string(received) + " bytes" : "") +
            (e.text("how") == "reset" ? " by a reset" : " by the end of the stream");
        out.report(std::move(v));
    }
};

struct response_short_framed final : rule {
    static rule_info info() {
        return {
            .id = "response-short-framed",
            .level = severity::error,
            .needs = clients,
            .kinds = {kind::client_done, kind::client_fail, kind::client_closed},
            .summary =
                "a successful response ends with correct framing, but its body is shorter than the client knows it "
                "to be",
            .why = "A response without a length and without chunks ends when its connection closes, so a client can't "
                   "distinguish a server that is done from one that was stopped: it takes the part for the whole, and "
                   "no error is reported anywhere. The rule detects it only where the client knows the length of the "
                   "body in advance.",
            .cites = "",
            .fix = "send a Content-Length or use chunks, so that a client can distinguish a truncated response from a "
                   "complete one",
            .make = make<response_short_framed>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what != kind::client_done) {
            each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
                if (how == loss::short_framed) report(who, s, e, out);
            });
            ref const named = e.id_of("request");
            if (loss_of_unknown(e, m) == loss::short_framed) report(named ? named : e.id, {}, e, out);
            return;
        }
        if (!e.find("expected")) return;
        looked_ = true;
        if (!is_short(e)) return;
        m.each_sent(e, [&](ref who, sent_request const& s) { report(who, s, e, out); });
    }
    std::string_view lacks(model const&) const override {
        return looked_ ? "" : "a response whose length the client knows in advance";
    }
    void reset() override { looked_ = false; }

private:
    static void report(ref who, sent_request const& s, event const& e, rule_run& out) {
        violation v{.subject = who, .at = e.seq};
        if (s.sent != no_seq) v.witness = {s.sent};
        v.message = to_string(who) + "'s response ended correctly after " + std::to_string(e.integer("body")) +
            " bytes of body";
        if (e.find("expected")) v.message += ", but the body has " + std::to_string(e.integer("expected"));
        out.report(std::move(v));
    }
    of_trace<bool> looked_ = false;
};

struct goaway_stream_loss final : rule {
    static rule_info info() {
        return {
            .id = "goaway-stream-loss",
            .level = severity::error,
            .needs = clients,
            .kinds = {kind::client_goaway, kind::client_fail, kind::client_closed},
            .summary = "an HTTP/2 stream at or below the last stream announced in GOAWAY gets no complete response",
            .why =
                "GOAWAY names the highest stream that the server may still process. Streams above it were not "
                "processed, and the client can send them elsewhere at once. Streams at or below it may have been "
                "executed, so the client can't. A server that announces a stream and then drops it leaves the client "
                "with neither a response nor permission to retry.",
            .cites = "grpc-go#1387, pingora#388",
            .fix =
                "announce the highest stream that was handed to a handler, and close only after the last of them was "
                "answered",
            .make = make<goaway_stream_loss>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::client_goaway) {
            announced_ = true;
            return;
        }
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            if (how != loss::goaway) return;
            peer_state const& p = *m.peers.find(e.id.number);
            violation v{.subject = who, .at = e.seq, .witness = {s.sent, p.goaway}};
            v.message = to_string(who) + " on stream " + std::to_string(s.how.stream) +
                " was lost, although GOAWAY announced streams up to " + std::to_string(p.last_stream);
            out.report(std::move(v));
        });
    }
    std::string_view lacks(model const&) const override { return announced_ ? "" : "a GOAWAY"; }
    void reset() override { announced_ = false; }

private:
    of_trace<bool> announced_ = false;
};

} // namespace

std::span<rule_info const> client_rules() {
    static std::array const rules = {connection_reset_inflight::info(), closed_with_unread_request::info(),
        response_truncated::info(), response_short_framed::info(), goaway_stream_loss::info()};
    return rules;
}

} // namespace shutdown_repro::traces
