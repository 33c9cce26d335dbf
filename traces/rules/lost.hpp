// Classifies a lost request by its most specific cause, so that exactly one rule reports it.
#pragma once
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

// The time that a server may need to handle a signal and to close its listener. No rule blames it for this time.
inline constexpr nanoseconds tolerance = 250'000'000;

enum class loss : std::uint8_t {
    unowed,         // not received by the server before the stop, or not relevant
    in_flight,      // completely sent before the stop, or during another act, and no byte of a response
    cut,            // part of a response
    short_framed,   // part of a response that ends with its connection
    backlog,        // connected before the stop, possibly never accepted
    keepalive_race, // on a keep-alive connection, before the server could have closed it
    half_request,   // half of the head before the stop
    goaway,         // an HTTP/2 stream that GOAWAY announced as still to be answered
    second_stop,    // survived the first stop but not the second
    wrong_signal,   // another signal of this server does not lose it
};

// Whether `how` of client.fail is a reset or an end of stream.
inline bool ends_connection(std::string_view how) { return how == "reset" || how == "eof" || how == "truncated"; }
// Whether this client.done is a successful response whose body is shorter than the client knows it to be.
bool is_short(event const& done);
// How a client.fail or client.closed says that it ended: an orderly close is an end of stream.
inline std::string_view ending_of(event const& e) {
    std::string_view const how = e.text("how");
    return e.what == kind::client_closed && how != "reset" ? "eof" : how;
}
loss loss_of(sent_request const&, bool cut, event const& fail, model const&);
// The loss of a request that the trace did not tell of, or that was sent only half, if a part of its response arrived.
loss loss_of_unknown(event const& fail, model const&);

// Calls f(subject, sent_request const&, loss) for each request that a client.fail loses, or that a client.closed leaves
// without its response. The received bytes of the failure belong to the current response; the requests behind it
// received none.
template <class F> void each_lost(event const& fail, model const& m, F&& f) {
    std::string_view const how = ending_of(fail);
    if (!ends_connection(how)) return;
    ref const named = fail.id_of("request");
    bool const bytes = how == "truncated" || fail.integer("received") > 0;
    bool found = false;
    m.each_sent(fail, [&](ref who, sent_request const& s) {
        bool const under_way = !found && (!named || who == named);
        found |= under_way;
        f(who, s, loss_of(s, (under_way && bytes) || s.received > 0, fail, m));
    });
}

// Reports a request that was sent by the event `sent` and that `fail` shows to be lost.
inline void report_lost(ref who, seq_t sent, std::string message, event const& fail, model const& m, rule_run& out,
    severity level = severity::note) {
    out.report(
        {.level = level, .subject = who, .at = fail.seq, .witness = {sent, m.cause()}, .message = std::move(message)});
}

} // namespace shutdown_repro::traces
