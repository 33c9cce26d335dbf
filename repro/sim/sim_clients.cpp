#include "repro/sim/sim_clients.hpp"

#include "server_under_test/http/http.hpp"

namespace shutdown_repro::repro {

namespace http = server::http;
using traces::entity;
using traces::kind;

void http_client::begin(std::uint32_t first, std::uint32_t last, bool pipelined) {
    next_ = awaited_ = first;
    last_ = last;
    state_ = state::connects;
    pipelined_ = pipelined;
    told_ = false;
    socket_ = nullptr;
    read_ = response_ = 0;
    on_->will_act(*this);
}

server::move http_client::next_move() const {
    switch (state_) {
    case state::connects: return server::move::client_connects;
    case state::sends: return server::move::client_sends;
    default: return server::move::client_reads;
    }
}

void http_client::act() {
    traces::recorder::acting const as_client(on_->trace, id());
    step();
    if (pipelined_) on_->acts_otherwise(*this); // its other pending act is named after its state
}

void http_client::step() {
    // A pipelining client sends and reads at the same time; the server's act makes it readable first.
    if (socket_ && socket_->client_queued &&
        (state_ == state::waits || socket_->from_server != server::sim_socket::end::open))
        return read();
    switch (state_) {
    case state::connects: return connect();
    case state::sends: return send();
    case state::waits: return read();
    case state::over: return;
    }
}

void http_client::connect() {
    on_->trace.emit(kind::client_connect, id());
    socket_ = on_->connect(*this);
    if (!socket_) {
        on_->trace.emit(kind::client_fail, id(), {},
            {{"request", traces::ref{entity::request, awaited_}}, {"how", "refused"}, {"received", 0}});
        state_ = state::over;
        return;
    }
    on_->trace.emit(kind::client_connected, id());
    state_ = state::sends;
    on_->will_act(*this);
}

void http_client::send() {
    request_.clear();
    http::write_request(request_, next_);
    on_->trace.emit(kind::client_send, id(), {},
        {{"request", traces::ref{entity::request, next_}}, {"bytes", static_cast<std::uint64_t>(request_.size())}});
    ++next_;
    state_ = pipelined_ && next_ <= last_ ? state::sends : state::waits;
    if (state_ == state::sends) on_->will_act(*this);
    on_->send(*socket_, request_);
}

void http_client::read() {
    socket_->client_queued = false;
    if (state_ == state::over) return;
    if (read_ < socket_->to_client.size() && !std::exchange(told_, true))
        on_->trace.emit(kind::client_receive, id(), {},
            {{"bytes", static_cast<std::uint64_t>(socket_->to_client.size() - read_)},
                {"request", traces::ref{entity::request, awaited_}}});
    read_ = socket_->to_client.size();
    while (state_ != state::over) {
        http::response const r = http::parse_response(std::string_view(socket_->to_client).substr(response_));
        if (r.state != http::parse::complete) break;
        response_ += r.consumed;
        answered(r.status);
        if (awaited_ > last_ || !r.keep_alive) {
            state_ = state::over;
            return on_->close_from_client(*socket_);
        }
    }
    if (socket_->from_server == server::sim_socket::end::open) return;
    bool const reset = socket_->from_server == server::sim_socket::end::reset;
    ended(response_ < socket_->to_client.size() ? "truncated" : reset ? "reset" : "eof");
}

void http_client::answered(int status) {
    on_->trace.emit(
        kind::client_done, id(), {}, {{"request", traces::ref{entity::request, awaited_}}, {"status", status}});
    told_ = false;
    ++awaited_;
    if (awaited_ <= last_ && !pipelined_ && state_ == state::waits) {
        state_ = state::sends;
        on_->will_act(*this);
    }
}

void http_client::ended(std::string_view how) {
    bool const asked = awaited_ < next_;
    if (asked)
        on_->trace.emit(kind::client_fail, id(), {},
            {{"request", traces::ref{entity::request, awaited_}}, {"how", how},
                {"received", static_cast<std::uint64_t>(socket_->to_client.size() - response_)}});
    else on_->trace.emit(kind::client_closed, id());
    state_ = state::over;
    on_->close_from_client(*socket_);
}

} // namespace shutdown_repro::repro
