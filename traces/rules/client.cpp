// Rules about the responses that clients get. They need no fact from inside the server, so they judge any server.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {
namespace {

struct connection_reset_inflight final : rule {
    static rule_info info() {
        return {
            .id = "connection-reset-inflight",
            .level = severity::error,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_fail},
            .summary = "a request that was wholly sent before the stop gets a reset or an end of stream and no byte of "
                       "a response",
            .why = "The request was in the server's hands before it was asked to stop, so a graceful stop owes it a "
                   "response. The "
                   "client can't tell whether it was executed: it must not repeat what is not idempotent, and the user "
                   "sees an error. "
                   "Mostly the process exits, or the handler is dropped, while the response is still to come. A "
                   "request that another "
                   "rule has a more particular name for is left to it.",
            .cites = "gunicorn#2529, vert.x#5184, actix-net#945",
            .fix = "count a request as active from its first byte on, and close its connection only after its response "
                   "was written",
            .make = make<connection_reset_inflight>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            if (how == loss::in_flight) report(who, s, e, m, out);
        });
    }
    std::string_view lacks(model const& m) const override { return lacks_stop(m); }

private:
    static void report(ref who, sent_request const& s, event const& e, model const& m, rule_run& out) {
        report_lost(who, s.sent,
            to_string(who) + " was sent " + duration_text(m.t0_time - s.sent_at) + " before the stop and " +
                (e.text("how") == "reset" ? "reset" : "closed") + " without a byte of a response",
            e, m, out);
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
            .why = "Part of a response is worse than none: a client or a cache that is not careful takes it for the "
                   "whole. The server "
                   "closed the connection, or exited, with the rest still in its buffers or still to be produced. A "
                   "response that "
                   "has no end of its own, such as a stream of events, is exempt: a stop has to cut it off.",
            .cites = "jetty#4047",
            .fix = "close only after the response was flushed to the socket, and end a response that can't be "
                   "completed with a reset",
            .make = make<response_truncated>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        bool known = false;
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            known = true;
            if (how == loss::cut)
                report(who, std::max(e.integer("received"), s.received), {s.sent, s.first_byte}, e, out);
        });
        bool const bytes = e.text("how") == "truncated" || e.integer("received") > 0;
        if (known || !bytes || !ends_connection(e.text("how"))) return;
        ref const named = e.id_of("request");
        report(named ? named : e.id, e.integer("received"), {}, e, out);
    }

private:
    static void report(
        ref who, std::int64_t received, std::initializer_list<seq_t> shown, event const& e, rule_run& out) {
        violation v{.subject = who, .at = e.seq};
        for (seq_t const s : shown)
            if (s != no_seq) v.witness.push_back(s);
        v.message = to_string(who) + "'s response was cut off" +
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
            .kinds = {kind::client_done, kind::client_fail},
            .summary =
                "a response of success whose framing ends well lacks the end of the body that is known to belong to it",
            .why = "A response without a length and without chunks ends when its connection does, so a client can't "
                   "tell a server that is "
                   "done from one that was stopped: it takes the part for the whole, and nothing anywhere reports an "
                   "error. It is "
                   "seen only because the client knows beforehand how long the body has to be.",
            .cites = "",
            .fix = "announce a length or send chunks, so that what is cut off can be told from what is complete",
            .make = make<response_short_framed>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::client_fail)
            return each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
                if (how == loss::short_framed) report(who, s, e, out);
            });
        if (!e.find("expected")) return;
        looked_ = true;
        bool const success = e.integer("status") >= 200 && e.integer("status") < 300;
        if (!success || e.integer("body") >= e.integer("expected")) return;
        m.each_sent(e, [&](ref who, sent_request const& s) { report(who, s, e, out); });
    }
    std::string_view lacks(model const&) const override {
        return looked_ ? "" : "a response whose length the client knows beforehand";
    }
    void reset() override { looked_ = false; }

private:
    static void report(ref who, sent_request const& s, event const& e, rule_run& out) {
        violation v{.subject = who, .at = e.seq, .witness = {s.sent}};
        v.message =
            to_string(who) + "'s response seems complete with " + std::to_string(e.integer("body")) + " bytes of body";
        if (e.find("expected")) v.message += ", and has " + std::to_string(e.integer("expected"));
        out.report(std::move(v));
    }
    bool looked_ = false;
};

struct goaway_stream_loss final : rule {
    static rule_info info() {
        return {
            .id = "goaway-stream-loss",
            .level = severity::error,
            .needs = clients,
            .kinds = {kind::client_goaway, kind::client_fail},
            .summary = "an HTTP/2 stream at or below the last one that the server announced with GOAWAY gets no "
                       "complete response",
            .why = "GOAWAY names the highest stream that the server may still act on. Those above it were never looked "
                   "at and can be sent "
                   "elsewhere at once; those at or below it can't, because they may have been executed. A server that "
                   "announces a "
                   "stream and then drops it leaves its client with neither a response nor the right to try again.",
            .cites = "grpc-go#1387, pingora#388",
            .fix = "announce the highest stream that is really handed to a handler, and close only after the last of "
                   "them was answered",
            .make = make<goaway_stream_loss>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::client_goaway) {
            announced_ = e.seq;
            return;
        }
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            if (how != loss::goaway) return;
            violation v{.subject = who, .at = e.seq, .witness = {s.sent, announced_}};
            v.message = to_string(who) + " on stream " + std::to_string(s.how.stream) +
                " was lost, although GOAWAY announced streams up to " +
                std::to_string(m.peers.find(e.id.number)->last_stream);
            out.report(std::move(v));
        });
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, announced_ == no_seq ? "a GOAWAY" : "");
    }
    void reset() override { announced_ = no_seq; }

private:
    seq_t announced_ = no_seq;
};

} // namespace

std::span<rule_info const> client_rules() {
    static std::array const rules = {connection_reset_inflight::info(), response_truncated::info(),
        response_short_framed::info(), goaway_stream_loss::info()};
    return rules;
}

} // namespace shutdown_repro::traces
