#include "server_under_test/reactor/user_agent.hpp"
#include <utility>
#include "server_under_test/http/http.hpp"

namespace shutdown_repro::server {

using traces::entity;
using traces::kind;

user_agent::user_agent(io_loop& l, std::int64_t inactivity_ms)
    : loop_(l),
      inactivity_ms_(inactivity_ms),
      trace_(l.on().trace()) {}

void user_agent::get(std::uint16_t port, std::uint32_t number, bool close, on_done done) {
    traces::ref const c = loop_.connect(
        port, [this](std::shared_ptr<reactor_stream> const& s, traces::ref id) { connected(id, s.get()); });
    exchange_state& e = connections_[c];
    e.number = number;
    e.close = close;
    e.done = std::move(done);
    http::write_request(e.request, number, close);
}

void user_agent::connected(traces::ref c, reactor_stream* s) {
    if (!s) return finish(c, "refused");
    s->timeout(inactivity_ms_, "client inactivity");
    s->on_read = [this, c](std::string_view bytes) { read(c, bytes); };
    s->on_close = [this, c] { finish(c, "eof"); };
    s->on_timeout = [this, c] { finish(c, "timeout"); };
    exchange_state const& e = connections_.at(c);
    s->write(e.request,
        [this, c, asked = traces::ref{entity::request, e.number},
            bytes = static_cast<std::uint64_t>(e.request.size())] {
            trace_.emit(kind::client_send, c, {}, {{"request", asked}, {"bytes", bytes}});
        });
}

void user_agent::read(traces::ref c, std::string_view bytes) {
    traces::recorder::acting const as_client(trace_, c);
    auto const i = connections_.find(c);
    if (i == connections_.end() || !i->second.open) return loop_.remove(c, "client_finished");
    exchange_state& e = i->second;
    if (e.response.empty())
        trace_.emit(kind::client_receive, c, {},
            {{"bytes", static_cast<std::uint64_t>(bytes.size())}, {"request", traces::ref{entity::request, e.number}}});
    e.response += bytes;
    if (http::parse_response(e.response).state == http::parse::complete) finish(c, {});
}

// Ends a request, successfully if `failure` is "". For a connection that is already idle, it records only its end.
void user_agent::finish(traces::ref c, std::string_view failure) {
    traces::recorder::acting const as_client(trace_, c);
    auto const i = connections_.find(c);
    if (i == connections_.end()) return;
    bool const was_open = std::exchange(i->second.open, false);
    exchange_state const e = i->second;
    if (!failure.empty() || e.close) {
        connections_.erase(i);
        loop_.remove(c, failure == "timeout" ? "timeout" : "client_finished");
    }
    if (!was_open) {
        trace_.emit(kind::client_closed, c);
        return;
    }
    tell(c, e, failure);
}

void user_agent::tell(traces::ref c, exchange_state const& e, std::string_view failure) {
    http::response const r = http::parse_response(e.response);
    traces::ref const asked{entity::request, e.number};
    traces::seq_t const told = failure.empty()
        ? trace_.emit(kind::client_done, c, {}, {{"request", asked}, {"status", r.status}})
        : trace_.emit(kind::client_fail, c, {},
              {{"request", asked}, {"how", e.response.empty() ? failure : "truncated"},
                  {"received", static_cast<std::uint64_t>(e.response.size())}, {"status", r.status},
                  {"body", static_cast<std::uint64_t>(r.body)}});
    traces::recorder::because_of const over(trace_, told);
    e.done(c);
}

} // namespace shutdown_repro::server
