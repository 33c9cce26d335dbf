// Rules about requests that cross the stop: the server had not read them when it was asked to stop, and the client
// could not know about the stop.
#include <array>
#include "traces/rules/family.hpp"
#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {
namespace {

std::string_view ending(event const& e) { return ending_of(e) == "reset" ? "reset" : "closed"; }

struct backlog_reset final : rule {
    static rule_info info() {
        return {
            .id = "backlog-reset",
            .level = severity::error,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_connect, kind::client_send, kind::client_fail, kind::client_closed},
            .summary = "a connection that was in the accept backlog at the stop is reset or closed without a byte of a "
                       "response",
            .why =
                "The kernel completes a connection before the server accepts it. Closing the listening socket resets "
                "every connection in its backlog: those clients were connected and had sent their requests, and a "
                "busy server has many of them. The rule judges connections that were made while the server was "
                "frozen, and connections made at the moment of the stop by clients with the role \"backlog\".",
            .cites = "gunicorn#2529, granian#567",
            .fix = "on stop, accept the connections in the backlog, then close the listener; or hand the listener over "
                   "to the next process",
            .make = make<backlog_reset>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        peer_state const* const p = m.peers.find(e.id.number);
        bool const of_role = p && p->why == role::backlog;
        if (e.what == kind::client_connect || e.what == kind::client_send) {
            there_ |= of_role || (e.integer("frozen") && p && !p->answered);
            return;
        }
        bool told = false;
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            told = true;
            if (how == loss::backlog) report(who, s.sent, e, m, out);
        });
        // A connection on which no request was sent yet.
        bool const is_lost = e.what == kind::client_fail ? ends_connection(e.text("how")) : e.text("how") == "reset";
        if (!told && is_lost && of_role && !p->answered && p->connect < m.t0 && m.t0 != no_seq &&
            e.integer("received") == 0)
            report(e.id, p->connect, e, m, out);
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, there_ ? "" : "a connection that is in the accept backlog at the stop");
    }
    void reset() override { there_ = false; }

private:
    static void report(ref who, seq_t shown, event const& e, model const& m, rule_run& out) {
        std::string message = to_string(who) + (who.type == entity::request ? " waited" : "'s connection waited") +
            " to be accepted " + (m.owes_all() ? "after " + m.cause_text() + " began" : "when the stop came") +
            ", and was ";
        report_lost(who, shown, message.append(ending(e)), e, m, out);
    }
    of_trace<bool> there_ = false;
};

struct keepalive_race_reset final : rule {
    static rule_info info() {
        return {
            .id = "keepalive-race-reset",
            .level = severity::warning,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_send, kind::client_fail, kind::client_closed},
            .summary =
                "a request that reached an idle keep-alive connection before the server closed it is reset or closed "
                "without a byte of a response; an error if its method is not idempotent",
            .why = "A server may close an idle connection at any time, but not one on which a request has arrived: the "
                   "client sent it in good faith and can't tell whether it was executed. Clients repeat a GET by "
                   "themselves; a POST is lost. The rule judges requests that were sent while the server was frozen, "
                   "and requests that waited for more than 250 ms, because a close that was already on its way would "
                   "have arrived sooner.",
            .cites = "nginx#437, golang/go#65805, haproxy#3472",
            .fix = "check once more for bytes before closing an idle connection, and answer a request that is there "
                   "with Connection: close",
            .make = make<keepalive_race_reset>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::client_send) {
            peer_state const* const p = m.peers.find(e.id.number);
            there_ |= p && p->answered && (e.integer("frozen") || m.t0 != no_seq);
            return;
        }
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            if (how != loss::keepalive_race) return;
            std::string message =
                to_string(who) + " had arrived on a keep-alive connection before the server closed it, and was ";
            message.append(ending(e)).append(" without a byte of a response");
            if (!s.how.repeatable) message += "; its client must not repeat it";
            report_lost(
                who, s.sent, std::move(message), e, m, out, s.how.repeatable ? severity::warning : severity::error);
        });
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, there_ ? "" : "a request on a keep-alive connection that crosses the stop");
    }
    void reset() override { there_ = false; }

private:
    of_trace<bool> there_ = false;
};

struct partial_request_dropped final : rule {
    static rule_info info() {
        return {
            .id = "partial-request-dropped",
            .level = severity::warning,
            .needs = clients,
            .needs_one_of = server_acts | process,
            .kinds = {kind::client_send, kind::client_fail, kind::client_closed},
            .summary = "a request whose head was half sent before the stop and completed after it gets no response",
            .why =
                "A head that arrives in two pieces is normal on a slow link. The server has read the first piece and "
                "knows that a request is coming. If it drops the connection, the client sees an ordinary connection "
                "failure, while a 503, or the response itself, would have told the client what happened. A "
                "connection that is closed before the client could send the rest counts as well.",
            .cites = "puma#2398",
            .fix = "count a connection as busy from the first byte of a head, with a separate timeout for the rest",
            .make = make<partial_request_dropped>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        if (e.what == kind::client_send) {
            if (e.text("part") == "head-half" && m.t0 == no_seq) there_ = true;
            return;
        }
        each_lost(e, m, [&](ref who, sent_request const& s, loss how) {
            if (how == loss::half_request)
                report(who, s.sent,
                    " was completed " + duration_text(s.sent_at - m.t0_time) +
                        " after the stop, and its connection was ",
                    e, m, out);
        });
        peer_state const* const p = m.peers.find(e.id.number);
        if (!p || p->half == no_seq || p->half >= m.t0 || m.t0 == no_seq || !ends_connection(ending_of(e))) return;
        bool const bytes = e.text("how") == "truncated" || e.integer("received") > 0;
        if (bytes || m.second_forces || p->why == role::readiness) return;
        report(p->half_of ? p->half_of : e.id, p->half, " was half sent before the stop, and its connection was ", e, m,
            out);
    }
    std::string_view lacks(model const& m) const override {
        return lacks_stop(m, there_ ? "" : "a request that is half sent before the stop");
    }
    void reset() override { there_ = false; }

private:
    static void report(ref who, seq_t shown, std::string message, event const& e, model const& m, rule_run& out) {
        message.insert(0, to_string(who)).append(ending(e)).append(" without a byte of a response");
        report_lost(who, shown, std::move(message), e, m, out);
    }
    of_trace<bool> there_ = false;
};

} // namespace

std::span<rule_info const> race_rules() {
    static std::array const rules = {
        backlog_reset::info(), keepalive_race_reset::info(), partial_request_dropped::info()};
    return rules;
}

} // namespace shutdown_repro::traces
