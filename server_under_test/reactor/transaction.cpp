#include "server_under_test/reactor/transaction.hpp"
#include <utility>

namespace shutdown_repro::server {

using traces::entity;
using traces::kind;

// Each connection has one request, so both have the same number.
transaction::transaction(traces::recorder& r, traces::ref connection)
    : trace_(r),
      id_{entity::request, connection.number},
      connection_(connection) {
    trace_.emit(kind::request_open, id_, connection_);
}

transaction::~transaction() { trace_.emit(kind::request_free, id_, connection_); }

bool transaction::read(std::string_view bytes) {
    request_ += bytes;
    http::request const r = http::parse_request(request_);
    if (r.state != http::parse::complete || std::exchange(handled_, true)) return false;
    keep_alive_ = keep_alive_ && r.keep_alive;
    trace_.emit(kind::request_begin, id_, connection_, {{"method", "GET"}, {"path", "/" + std::to_string(r.number)}});
    return true;
}

void transaction::respond(int status, std::string bytes, ask more, int part) {
    if (cancelled_) return; // it was answered with 503
    trace_.emit(kind::request_respond, id_, connection_, {{"status", status}, {"part", part}, {"close", !keep_alive_}});
    status_ = status;
    pending_ = std::move(bytes);
    more_ = std::move(more);
    ended_ = !more_;
    responding_ = true;
}

void transaction::answer_for(int status, std::string bytes) {
    trace_.emit(kind::request_respond, id_, connection_,
        {{"status", status}, {"part", 0}, {"close", !keep_alive_}, {"framework", true}});
    status_ = status;
    pending_ = std::move(bytes);
    ended_ = responding_ = true;
}

bool transaction::fail(std::string_view error, std::string bytes) {
    trace_.emit(kind::request_respond, id_, connection_,
        {{"status", 500}, {"part", 0}, {"close", !keep_alive_}, {"framework", true}, {"error", error}});
    if (begun_) return false;
    status_ = 500;
    pending_ = std::move(bytes);
    more_ = {};
    ended_ = responding_ = true;
    return true;
}

bool transaction::cancel(std::string bytes) {
    if (responding_) return false;
    answer_for(503, std::move(bytes));
    return cancelled_ = true;
}

void transaction::resume() {
    if (on_resume) on_resume();
}

std::string transaction::take() {
    if (!responding_) return {};
    if (pending_.empty() && !ended_) {
        ask const next = std::exchange(more_, {});
        if (next) next();
    }
    finished_ = pending_.empty() && ended_;
    begun_ = begun_ || !pending_.empty();
    return std::exchange(pending_, {});
}

void transaction::finish(std::string_view otherwise) {
    std::string_view const result = cancelled_ ? "cancelled" : finished_ ? "answered" : otherwise;
    trace_.emit(kind::request_finish, id_, connection_, {{"result", result}, {"status", status_}});
    if (on_finish) on_finish(*this);
}

} // namespace shutdown_repro::server
