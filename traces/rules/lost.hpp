// To which rule a lost request belongs: the most particular of its causes, so that one cause has one name.
#pragma once
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

// For what a server needs to hear of a signal and to close its listener: no rule blames it for that time.
inline constexpr nanoseconds tolerance = 250'000'000;

enum class loss : std::uint8_t {
    unowed,         // not in the server's hands when it was asked to stop, or of no matter
    in_flight,      // whole before the stop, and no byte of a response
    cut,            // part of a response
    short_framed,   // part of a response whose end only the connection's end tells
    backlog,        // connected before the stop, perhaps never accepted
    keepalive_race, // on a kept connection, before the server could have closed it
    half_request,   // half of the head before the stop
    goaway,         // an HTTP/2 stream that the server said it would still answer
    second_stop,    // survived the first stop, and not the second
    wrong_signal,   // another signal of this server keeps it
};

bool ends_connection(std::string_view how); // of client.fail: a reset or the end of the stream
loss loss_of(sent_request const&, bool cut, event const& fail, model const&);

// f(subject, sent_request const&, loss) for each request that a client.fail loses. Bytes that the failure counts belong
// to the response that was under way; the requests behind it got none.
template <class F> void each_lost(event const& fail, model const& m, F&& f) {
    std::string_view const how = fail.text("how");
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

// A request that `fail` shows to be lost, and that was sent by the event `sent`.
inline void report_lost(ref who, seq_t sent, std::string message, event const& fail, model const& m, rule_run& out,
    severity level = severity::note) {
    out.report(
        {.level = level, .subject = who, .at = fail.seq, .witness = {sent, m.t0}, .message = std::move(message)});
}

} // namespace shutdown_repro::traces
