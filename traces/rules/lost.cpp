#include "traces/rules/lost.hpp"

namespace shutdown_repro::traces {
namespace {

bool is_before_stop(seq_t at, model const& m) { return at != no_seq && at < m.t0; }

// A response without a length or chunks ends correctly with its connection.
bool ends_with_its_connection(event const& fail) {
    return !fail.integer("framed", 1) && fail.integer("status", 1) != 0 && ending_of(fail) != "reset";
}

// Such a response, if it is complete as far as the client can know: the length of an error's body is not the one that
// was expected.
bool is_whole(event const& fail) {
    if (!ends_with_its_connection(fail)) return false;
    bool const is_error = fail.find("status") && (fail.integer("status") < 200 || fail.integer("status") >= 300);
    return is_error || (fail.find("expected") && fail.integer("body") >= fail.integer("expected"));
}

// The loss of a request that got no byte of a response.
loss unanswered(sent_request const& s, event const& fail, model const& m) {
    peer_state const* const p = m.peers.find(fail.id.number);
    if (is_before_stop(s.how.half, m) && s.sent > m.t0) return loss::half_request;
    if (s.how.frozen) return s.how.kept ? loss::keepalive_race : loss::backlog;
    bool const in_backlog = s.how.why == role::backlog || !fail.integer("accepted", 1);
    if (in_backlog) return p && is_before_stop(p->connect, m) ? loss::backlog : loss::unowed;
    if (is_before_stop(s.sent, m)) return loss::in_flight;
    // A close that was already on its way would have arrived at once.
    return s.how.kept && fail.t - s.sent_at > tolerance ? loss::keepalive_race : loss::unowed;
}

// The loss of a request that got no byte of a response, while nothing was stopped. A server may close an idle
// connection at any time, and a request that crosses such a close on its way is not owed.
loss unanswered_in_act(sent_request const& s, event const& fail, model const& m) {
    if (!fail.integer("accepted", 1)) return loss::backlog;
    bool const crossed = s.how.kept && s.sent > m.act && fail.t - s.sent_at <= tolerance;
    return crossed ? loss::unowed : loss::in_flight;
}

} // namespace

bool is_short(event const& done) {
    bool const success = done.integer("status") >= 200 && done.integer("status") < 300;
    return success && done.find("expected") && done.integer("body") < done.integer("expected");
}

loss loss_of(sent_request const& s, bool cut, event const& fail, model const& m) {
    if (s.how.why == role::readiness || (cut && (s.how.why == role::stream || is_whole(fail)))) return loss::unowed;
    peer_state const* const p = m.peers.find(fail.id.number);
    if (s.how.stream && p && p->last_stream >= 0) return s.how.stream <= p->last_stream ? loss::goaway : loss::unowed;
    if (m.t0 != no_seq) {
        bool const before = is_before_stop(s.sent, m);
        if (before && m.ungraceful) return loss::wrong_signal;
        if (m.second_forces) return loss::unowed;
        if (before && m.second != no_seq && fail.t - m.second_at <= tolerance) return loss::second_stop;
    }
    if (cut) return ends_with_its_connection(fail) ? loss::short_framed : loss::cut;
    if (m.owes_all()) return unanswered_in_act(s, fail, m);
    return m.t0 == no_seq ? loss::unowed : unanswered(s, fail, m);
}

loss loss_of_unknown(event const& fail, model const& m) {
    std::string_view const how = fail.text("how");
    if (fail.what != kind::client_fail || !ends_connection(how)) return loss::unowed;
    bool const bytes = how == "truncated" || fail.integer("received") > 0;
    if (!bytes || is_whole(fail)) return loss::unowed;
    bool known = false;
    m.each_sent(fail, [&](ref, sent_request const&) { known = true; });
    return known ? loss::unowed : ends_with_its_connection(fail) ? loss::short_framed : loss::cut;
}

} // namespace shutdown_repro::traces
