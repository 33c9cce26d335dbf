// What the clients see: requests without a complete response, wrong responses, and new connections after the stop.
#include <algorithm>
#include "tests/traces/rules/oracle_families.hpp"

namespace shutdown_repro::traces {
namespace {

constexpr nanoseconds at_once = 250 * millisecond;

bool is_close_of(event const& e) {
    return e.text("how") == "reset" || e.text("how") == "eof" || e.text("how") == "truncated";
}

// ---- a request, as told before event i

struct told_request {
    ref request = {}, client = {};
    int half = never, sent = never; // sent: so far that the server owes a response
};

told_request request_told(trace_facts const& f, ref request, int i) {
    told_request out;
    out.request = request;
    bool partly = false;
    for (int k = 0; k < i; ++k) {
        if (f.what(k) != kind::client_send || f.at(k).id_of("request") != request) continue;
        std::string_view const part = f.at(k).text("part");
        out.client = f.id(k);
        if (part == "head-half") out.half = k;
        else if (part != "rest" || !partly) out.sent = k;
        partly |= part == "head" || part == "body-half";
    }
    return out;
}

bool ends_requests(trace_facts const& f, int k, told_request const& r) {
    if (f.what(k) == kind::client_done || f.what(k) == kind::client_fail) {
        if (f.at(k).id_of("request") == r.request) return true;
        if (f.what(k) == kind::client_done) return f.id(k) == r.client && !f.at(k).id_of("request");
        return f.what(k) == kind::client_fail && f.id(k) == r.client && !f.one_stream_only(k);
    }
    return f.id(k) == r.client && (f.what(k) == kind::client_closed || f.what(k) == kind::client_leave);
}

bool is_waiting(trace_facts const& f, told_request const& r, int i) {
    for (int k = std::min(r.half, r.sent); k < i; ++k)
        if (ends_requests(f, k, r)) return false;
    return std::min(r.half, r.sent) < i;
}

// Those that event i ends, among them those that are sent only half.
std::vector<told_request> ended_by(trace_facts const& f, int i) {
    std::vector<told_request> found;
    for (ref const request : f.all_requests_sent()) {
        told_request const r = request_told(f, request, i);
        if (is_waiting(f, r, i) && ends_requests(f, i, r)) found.push_back(r);
    }
    return found;
}

bool part_arrived(trace_facts const& f, told_request const& r, int i) {
    for (int k = std::min(r.half, r.sent); k < i && r.sent != never; ++k)
        if (f.what(k) == kind::client_receive && f.at(k).id_of("request") == r.request) return true;
    if (f.what(i) != kind::client_fail) return false;
    ref const named = f.at(i).id_of("request");
    return (!named || named == r.request) && (f.at(i).text("how") == "truncated" || f.at(i).integer("received") > 0);
}

bool was_kept(trace_facts const& f, told_request const& r) {
    for (int k = 0; k < std::min(r.sent, f.size()); ++k)
        if (f.what(k) == kind::client_done && f.id(k) == r.client) return true;
    return false;
}

// ---- the one rule that reports a request without a complete response

using rule_name = std::string_view;
constexpr rule_name no_rule = "none";

int forced_stop_before(trace_facts const& f, int i) {
    for (int k = 0; k < i; ++k)
        if (f.is_second_stop(k) && f.at(k).text("means") == "force") return k;
    return never;
}

bool survived_first_stop_only(trace_facts const& f, told_request const& r, int i) {
    int second = -1;
    for (int k = 0; k < i; ++k)
        if (f.is_second_stop(k)) second = k;
    return second >= 0 && r.sent < f.stop() && f.at(i).t - f.at(second).t <= at_once;
}

rule_name of_partial_response(event const& e) {
    std::int64_t const status = e.integer("status"), expected = e.integer("expected", -1);
    bool const ends_with_connection =
        e.find("framed") && !e.integer("framed") && e.integer("status", 1) != 0 && e.text("how") != "reset";
    if (!ends_with_connection) return "response-truncated";
    if (e.find("status") && (status < 200 || status >= 300)) return no_rule; // an error has a body of its own
    return expected >= 0 && e.integer("body") >= expected ? no_rule : "response-short-framed";
}

rule_name of_unanswered(trace_facts const& f, told_request const& r, int i) {
    int const t0 = f.stop();
    bool const kept = was_kept(f, r);
    bool const unaccepted = f.at(i).find("accepted") && !f.at(i).integer("accepted");
    nanoseconds const waited = r.sent < i ? f.at(i).t - f.at(r.sent).t : 0;
    if (f.in_act(i)) {
        if (r.sent == never) return no_rule;
        bool const crossed = kept && r.sent > f.begun_act(i) && waited <= at_once;
        return unaccepted ? "backlog-reset" : crossed ? no_rule : "connection-reset-inflight";
    }
    if (t0 > i) return no_rule;
    if (r.half < t0 && r.sent > t0) return "partial-request-dropped";
    if (r.sent == never) return no_rule;
    if (f.at(r.sent).integer("frozen")) return kept ? "keepalive-race-reset" : "backlog-reset";
    if (unaccepted || f.role(r.client, i) == "backlog")
        return f.begins_client(r.client) < t0 ? "backlog-reset" : no_rule;
    if (r.sent < t0) return "connection-reset-inflight";
    return kept && waited > at_once ? "keepalive-race-reset" : no_rule;
}

rule_name rule_of(trace_facts const& f, told_request const& r, int i) {
    std::string_view const role = f.role(r.client, i);
    bool const part = part_arrived(f, r, i);
    if (role == "readiness" || (role == "stream" && part)) return no_rule;
    rule_name const cut = part ? of_partial_response(f.at(i)) : no_rule;
    if (part && cut == no_rule) return no_rule;
    int const announced = f.last(kind::client_goaway, r.client, i);
    std::int64_t const stream = r.sent == never ? 0 : f.at(r.sent).integer("stream");
    if (stream && announced >= 0) return stream > f.at(announced).integer("last") ? no_rule : "goaway-stream-loss";
    if (f.stop() < i) {
        event const& stop = f.at(f.stop());
        bool const graceful_keeps_all = stop.find("graceful") && !stop.integer("graceful") &&
            stop.integer("kept") > 0 && stop.integer("lost", 1) == 0;
        if (graceful_keeps_all && r.sent < f.stop()) return "stop-signal-not-graceful";
        if (forced_stop_before(f, i) != never) return no_rule;
        if (survived_first_stop_only(f, r, i)) return "stop-not-idempotent";
    }
    return part ? cut : of_unanswered(f, r, i);
}

// The latest event of a connection before event i is a close, after the stop or the act, that names this request.
bool was_left_unread(trace_facts const& f, told_request const& r, int i) {
    int const cause = f.in_act(i) ? f.begun_act(i) : f.stop();
    for (int k = cause + 1; k < i; ++k) {
        if (f.what(k) != kind::connection_close || f.at(k).id_of("unread_request") != r.request) continue;
        bool latest = true;
        for (int later = k + 1; later < i; ++later)
            latest &= f.id(later) != f.id(k) ||
                (f.what(later) != kind::connection_close && f.what(later) != kind::connection_read);
        if (latest) return true;
    }
    return false;
}

bool may_be_repeated(trace_facts const& f, ref request) {
    for (int i = 0; i < f.size(); ++i) {
        std::string_view const method = f.at(i).text("method");
        bool const its = f.what(i) == kind::client_send && f.at(i).id_of("request") == request;
        if (its && (method == "POST" || method == "PATCH" || method == "CONNECT")) return false;
    }
    return true;
}

// What the end of a client says beyond the requests that it was known to wait for.
void judge_connection(trace_facts const& f, int i, bool any_sent, verdicts& out) {
    event const& e = f.at(i);
    if (e.what == kind::client_fail && !any_sent && (e.integer("received") > 0 || e.text("how") == "truncated"))
        out[of_partial_response(e)].insert(e.id_of("request") ? e.id_of("request") : e.id);
    bool answered = false;
    for (int k = 0; k < i; ++k) answered |= f.id(k) == e.id && f.what(k) == kind::client_done;
    bool const reset = e.what == kind::client_fail || e.text("how") == "reset";
    int const begins = f.begins_client(e.id);
    if (!any_sent && reset && !answered && f.role(e.id, i) == "backlog" && begins < f.stop() && f.stop() < i &&
        e.integer("received") == 0)
        out["backlog-reset"].insert(e.id);
}

void judge_end(trace_facts const& f, int i, verdicts& out) {
    bool const fails = f.what(i) == kind::client_fail && is_close_of(f.at(i));
    if (!fails && f.what(i) != kind::client_closed) return;
    bool any_sent = false;
    for (told_request const& r : ended_by(f, i)) {
        rule_name rule = rule_of(f, r, i);
        if (rule == "connection-reset-inflight" && was_left_unread(f, r, i)) rule = "closed-with-unread-request";
        any_sent |= r.sent != never;
        if (r.sent == never && part_arrived(f, r, i)) continue; // judge_connection
        out[rule].insert(rule == "stop-signal-not-graceful" ? f.id(f.stop()) : r.request);
        if (rule == "keepalive-race-reset" && !may_be_repeated(f, r.request))
            out["keepalive-race-reset, an error"].insert(r.request);
    }
    judge_connection(f, i, any_sent, out);
}

// ---- complete responses

bool is_success(std::int64_t status) { return status >= 200 && status < 300; }

bool got_worse(event const& done) {
    std::int64_t const status = done.integer("status") / 100, control = done.integer("control_status") / 100;
    return status >= 4 && status > control;
}

bool is_told_of_close(trace_facts const& f, ref request, int i, nanoseconds late) {
    nanoseconds begins = f.at(i).t;
    for (int k = i - 1; k >= 0; --k)
        if (f.what(k) == kind::client_receive && f.at(k).id_of("request") == request) begins = f.at(k).t;
    return begins <= late || !f.at(i).find("close") || f.at(i).integer("close") || f.at(i).find("stream");
}

void judge_answer(trace_facts const& f, told_request const& r, int i, verdicts& out) {
    event const& e = f.at(i);
    if (r.sent == never || !is_waiting(f, r, i)) return;
    if (e.find("expected") && is_success(e.integer("status")) && e.integer("body") < e.integer("expected"))
        out["response-short-framed"].insert(r.request);
    std::string_view const role = f.role(r.client, i);
    bool const owed = f.in_act(i) || (r.sent < f.stop() && f.stop() < i);
    bool const other = e.integer("differs") && e.integer("control_status") < 400;
    if (owed && e.find("control_status") && (got_worse(e) || other)) out["response-error-at-stop"].insert(r.request);
    if (f.stop() > i || f.never_stops()) return;
    if (role != "readiness" && role != "traffic" && out["close-not-announced"].empty() &&
        !is_told_of_close(f, r.request, i, f.drains_from() + at_once)) {
        out["close-not-announced"].insert(r.request);
    }
}

void judge_response(trace_facts const& f, int i, verdicts& out) {
    if (ref const named = f.at(i).id_of("request")) return judge_answer(f, request_told(f, named, i), i, out);
    for (ref const r : f.all_requests_sent()) // it answers what the client waits for
        if (told_request const told = request_told(f, r, i); told.client == f.id(i)) judge_answer(f, told, i, out);
}

// ---- new connections

// The latest request of the client, completely or but for a part of its body; or -1.
int latest_sent(trace_facts const& f, ref client, int i) {
    int latest = -1;
    for (ref const request : f.all_requests_sent())
        if (told_request const r = request_told(f, request, i); r.client == client && r.sent != never)
            latest = std::max(latest, r.sent);
    return latest;
}

bool is_cut_off(trace_facts const& f, int i) {
    if (f.what(i) == kind::client_fail) return is_close_of(f.at(i));
    bool const reset = f.at(i).text("how") == "reset";
    return f.what(i) == kind::client_closed && (reset || latest_sent(f, f.id(i), i) >= 0);
}

void judge_late_connections(trace_facts const& f, refs& found, refs& raised) {
    for (int i = 0; i < f.size(); ++i) {
        if (f.what(i) != kind::client_connected || f.never_stops()) continue;
        int const begins = f.begins_client(f.id(i));
        std::string_view const role = f.role(f.id(i), i);
        if (f.stop() > begins || f.at(begins).t <= f.drains_from() + at_once) continue;
        if (role == "readiness" || role == "traffic") continue;
        int const outcome =
            f.first_of({kind::client_done, kind::client_fail, kind::client_closed, kind::client_leave}, f.id(i), i);
        bool const turned_away = outcome != never && f.what(outcome) == kind::client_done &&
            f.at(outcome).integer("status") == 503 && f.at(outcome).integer("close");
        if (!turned_away) found.insert(f.id(i));
        if (outcome != never && is_cut_off(f, outcome)) raised.insert(f.id(i));
    }
}

refs ghosts(trace_facts const& f) {
    refs found;
    for (int i = 0; i < f.size(); ++i)
        if (f.what(i) == kind::client_open && f.first(kind::process_exit, {entity::process, 1}) < i)
            found.insert(f.id(i));
    return found;
}

// The first that is successful later than the stop.
refs still_ready(trace_facts const& f) {
    for (int i = f.stop(); i < f.size() && !f.never_stops(); ++i) {
        if (f.what(i) != kind::client_done || f.role(f.id(i), i) != "readiness") continue;
        int const sent = latest_sent(f, f.id(i), i), asked = sent >= 0 ? sent : f.begins_client(f.id(i));
        if (asked < i && f.at(asked).t > f.at(f.stop()).t + at_once && is_success(f.at(i).integer("status")))
            return {f.id(i)};
    }
    return {};
}

// Whether event i shows that the client of the drain delay was not served.
bool is_not_served(trace_facts const& f, int i) {
    if (f.what(i) == kind::client_done) return got_worse(f.at(i));
    bool const fails = f.what(i) == kind::client_fail && f.at(i).text("how") != "unreadable";
    if (!fails && f.what(i) != kind::client_closed && f.what(i) != kind::client_leave) return false;
    bool waits = false, there = false;
    for (told_request const& r : ended_by(f, i)) waits |= r.sent != never;
    for (int k = 0; k < i; ++k)
        there |= f.id(k) == f.id(i) && (f.what(k) == kind::client_connected || f.what(k) == kind::client_send);
    return f.what(i) != kind::client_leave && (waits || !there);
}

refs refused_in_delay(trace_facts const& f) {
    refs found;
    int const t0 = f.stop();
    if (t0 == never) return {};
    nanoseconds const from = f.at(t0).t, accepts = f.drains_from() - from;
    event const& stop = f.at(t0);
    bool const ungraceful =
        stop.find("graceful") && !stop.integer("graceful") && stop.integer("kept") > 0 && stop.integer("lost", 1) == 0;
    for (int i = t0 + 1; i < f.size() && !ungraceful; ++i) {
        if (f.is_second_stop(i)) break;
        if (f.id(i).type != entity::client || f.role(f.id(i), i) == "readiness" || !is_not_served(f, i)) continue;
        int came = f.begins_client(f.id(i));
        if (int const sent = latest_sent(f, f.id(i), i); sent >= 0) came = sent;
        if (came >= i) continue;
        nanoseconds const at = f.at(came).t;
        if (at >= from && at < from + accepts - std::min(at_once, accepts / 4)) found.insert(f.id(i));
    }
    return found;
}

// ---- requests that an act leaves without a response

bool is_sent_in_part(trace_facts const& f, told_request const& r, int i) {
    for (int k = 0; k < i; ++k)
        if (f.what(k) == kind::client_send && f.at(k).id_of("request") == r.request &&
            (f.at(k).text("part") == "head" || f.at(k).text("part") == "body-half"))
            return true;
    return false;
}

// The one of them that was sent first, if one that was sent later, and in the act, was answered.
refs left_unanswered(trace_facts const& f) {
    nanoseconds const grace = f.told_at_start("grace") * millisecond;
    int asked_last = -1;
    std::vector<told_request> waited;
    for (int i = 0; i < f.size(); ++i) {
        bool const gives_up = f.what(i) == kind::client_fail && f.at(i).text("how") == "timeout";
        if (!f.in_act(i) || (!gives_up && f.what(i) != kind::client_done)) continue;
        for (told_request const& r : ended_by(f, i)) {
            if (r.sent == never || f.role(r.client, i) == "readiness") continue;
            if (!gives_up) asked_last = std::max(asked_last, r.sent > f.begun_act(i) ? r.sent : -1);
            else if (grace && !is_sent_in_part(f, r, i) &&
                f.at(i).t - f.at(r.sent).t >= grace + f.at(i).integer("control_ns"))
                waited.push_back(r);
        }
    }
    std::erase_if(waited, [&](told_request const& r) { return r.sent > asked_last; });
    if (waited.empty()) return {};
    return {std::min_element(waited.begin(), waited.end(), [](auto const& a, auto const& b) {
        return a.sent < b.sent;
    })->request};
}

} // namespace

verdicts client_verdicts(trace_facts const& f) {
    verdicts out;
    for (rule_name const rule : {"stop-not-idempotent", "stop-signal-not-graceful", "connection-reset-inflight",
             "closed-with-unread-request", "response-truncated", "response-short-framed", "goaway-stream-loss",
             "response-error-at-stop", "backlog-reset", "keepalive-race-reset", "keepalive-race-reset, an error",
             "partial-request-dropped", "close-not-announced"})
        out[rule];
    for (int i = 0; i < f.size(); ++i) {
        judge_end(f, i, out);
        if (f.what(i) == kind::client_done) judge_response(f, i, out);
    }
    out.erase(no_rule);
    judge_late_connections(f, out["accept-after-stop"], out["accept-after-stop, an error"]);
    out["ghost-connection"] = ghosts(f);
    out["readiness-not-flipped"] = still_ready(f);
    out["refused-during-drain-delay"] = refused_in_delay(f);
    out["unanswered-after-reload"] = left_unanswered(f);
    return out;
}

} // namespace shutdown_repro::traces
