#include "server_under_test/reactor/daemon.hpp"
#include <utility>
#include "server_under_test/http/http.hpp"

namespace shutdown_repro::server {

using traces::kind;

daemon::daemon(io_loop& l, reactor_config const& c, application& a)
    : loop_(l),
      config_(c),
      rules_(rules_of(c.policy)),
      app_(a),
      trace_(l.on().trace()) {
    trace_.emit(kind::server_open, id, {},
        {{"policy", words<reactor_policy>()[static_cast<std::size_t>(c.policy)]}, {"name", "daemon"}});
    trace_.emit(
        kind::object_depend, id, {}, {{"on", reactor::id}}); // its destructor removes its connections from the loop
    if (rules_.drains)
        loop_.on_drain({.begin = [this] { begin_drain(); },
            .cancel = [this] { cancel_the_rest(); },
            .over = [this] { draining_.reset(); }});
}

bool daemon::start(std::string& error) {
    listening_ = loop_.listen(
        port_, error, [this](std::shared_ptr<reactor_stream> const& s, traces::ref c) { accepted(*s, c); });
    if (!listening_) return false;
    trace_.emit(kind::server_listen, id, {}, {{"port", port_}});
    trace_.emit(kind::server_ready, id);
    return true;
}

void daemon::stop() {
    if (!listening_) return;
    trace_.emit(kind::server_close, id);
    loop_.remove(listening_);
}

// --- the end --------------------------------------------------------------------------------------------------------

void daemon::drop() {
    if (rules_.never_drops || !std::exchange(held_, false)) return;
    dropped_ = trace_.emit(kind::act_free, id);
    traces::recorder::because_of const dropped(trace_, dropped_);
    if (rules_.drains) loop_.drain(); // dropping the server asks for its end
    if (rules_.drops_in_next_tick) loop_.on().next_tick([this] { let_go(); });
    else let_go();
}

void daemon::let_go() {
    if (--references_ == 0 && alive_ && !std::exchange(destroying_, true)) destroy();
}

void daemon::destroy() {
    traces::recorder::besides const dropped(trace_, dropped_);
    traces::seq_t const begun =
        trace_.emit(kind::server_destroy, id, {}, {{"connections", static_cast<std::uint64_t>(connections_.size())}});
    traces::recorder::because_of const destroyed(trace_, begun);
    for (traces::ref const c : all_connections()) {
        if (rules_.destructor_finishes) {
            if (auto const s = loop_.stream(c)) s->forget_drain();
            closed(c);
        }
        loop_.remove(c, "server_destroyed");
    }
    loop_.remove(listening_);
    listening_ = nullptr;
    alive_ = false;
    connections_.clear();
    trace_.emit(kind::server_free, id);
}

std::vector<traces::ref> daemon::all_connections() const {
    std::vector<traces::ref> all;
    for (auto const& [c, unused] : connections_) all.push_back(c);
    return all;
}

// --- a drain --------------------------------------------------------------------------------------------------------

// Closes the listening socket, so that a later client is refused instead of waiting in the backlog.
void daemon::begin_drain() {
    draining_.emplace(*this);
    traces::recorder::acting const as_server(trace_, id);
    stop();
    listening_ = nullptr;
    for (traces::ref const c : all_connections()) {
        if (auto* const tx = open_transaction(c)) tx->last_of_its_connection();
        else if (auto const s = loop_.stream(c); s && !s->arrived()) remove(c, "idle");
    }
}

void daemon::cancel_the_rest() {
    cancelling_ = true;
    traces::recorder::acting const as_server(trace_, id);
    for (traces::ref const c : all_connections())
        if (open_transaction(c)) cancel(c);
}

void daemon::cancel(traces::ref c) {
    std::string page;
    http::write_response(page, 503, true);
    if (open_transaction(c)->cancel(std::move(page))) write_next(c);
}

void daemon::call_on_freed_server(std::string_view name) const {
    throw callback_error{"Can't call method \"" + std::string(name) + "\" on an undefined value", trace_.cause()};
}

traces::seq_t daemon::entered(std::string_view name, traces::ref c) {
    return trace_.emit(kind::callback_enter, id, c, {{"method", name}});
}

void daemon::call(method m, std::string_view name, traces::ref c) {
    traces::recorder::because_of const callback(trace_, entered(name, c));
    if (!alive_) call_on_freed_server(name);
    hold const self(*this);
    traces::recorder::acting const as_server(trace_, id);
    (this->*m)(c);
}

// --- a connection ---------------------------------------------------------------------------------------------------

void daemon::accepted(reactor_stream& s, traces::ref c) {
    connections_[c];
    s.timeout(config_.inactivity_ms, "inactivity");
    s.on_close = [this, c] {
        if (alive_) call(&daemon::closed, "_close", c);
    };
    s.on_timeout = [this, c] {
        traces::recorder::because_of const callback(trace_, entered("_trace", c));
        if (!alive_) call_on_freed_server("_trace");
    };
    s.on_read = [this, c](std::string_view bytes) {
        traces::recorder::because_of const callback(trace_, entered("_read", c));
        if (!alive_) call_on_freed_server("_read");
        read(c, bytes);
    };
}

transaction* daemon::open_transaction(traces::ref c) {
    auto const i = connections_.find(c);
    return i == connections_.end() ? nullptr : i->second.tx.get();
}

std::shared_ptr<transaction> daemon::build(traces::ref c) {
    auto tx = std::make_shared<transaction>(trace_, c);
    tx->on_finish = [this](transaction& t) { app_.finished(t); };
    if (auto const s = loop_.stream(c)) s->timeout(config_.inactivity_ms, "inactivity");
    return tx;
}

// If the application fails here after it has dropped the server, the destructor runs while the error propagates, so the
// error is recorded after it.
void daemon::read(traces::ref c, std::string_view bytes) {
    hold const self(*this);
    traces::recorder::acting const as_server(trace_, id);
    auto const i = connections_.find(c);
    if (i == connections_.end()) return;
    if (!i->second.tx) i->second.tx = build(c);
    auto const tx = i->second.tx;
    if (draining_) tx->last_of_its_connection();
    if (!tx->read(bytes)) return;
    if (cancelling_) return cancel(c);
    work_on(tx, [&] { app_.handle(tx); });
    tx->on_resume = [this, c] { call(&daemon::write_next, "_write", c); };
    write_next(c);
}

void daemon::work_on(std::shared_ptr<transaction> const& tx, reactor::callback const& work) {
    if (!rules_.errors_stay_in_request || !tx) return work();
    try {
        work();
    } catch (callback_error const& e) {
        traces::recorder::because_of const thrown(trace_, e.because);
        traces::recorder::acting const as_server(trace_, id);
        std::string page;
        http::write_response(page, 500, !tx->keep_alive());
        if (tx->fail(e.message, std::move(page))) tx->resume();
        else if (auto const s = loop_.stream(tx->connection()))
            s->close("handler_failed"); // a partial response can't be completed
    }
}

void daemon::write_next(traces::ref c) {
    auto const i = connections_.find(c);
    if (i == connections_.end() || !i->second.tx || i->second.writing) return;
    auto const tx = i->second.tx;
    i->second.writing = true;
    std::string bytes;
    work_on(tx, [&] { bytes = tx->take(); });
    auto const s = loop_.stream(c);
    if (!s) return; // it was closed because its response can't be completed
    i->second.writing = false;
    bool const handlers_turn = bytes.empty() && !tx->finished();
    if (rules_.waits_for_handlers) s->timeout(handlers_turn ? 0 : config_.inactivity_ms, "inactivity");
    if (handlers_turn) return;
    if (!tx->finished()) s->write(bytes, when_drained(&daemon::write_next, "_write", c));
    else if (rules_.finishes_when_written) finish(c);
    else s->write(bytes, when_drained(&daemon::finish, "_finish", c));
}

reactor::callback daemon::when_drained(method m, std::string_view name, traces::ref c) {
    if (rules_.drain_holds_self) return [this, m, name, c, self = hold(*this)] { call(m, name, c); };
    if (rules_.drain_tests_self)
        return [this, m, name, c] {
            if (alive_) call(m, name, c);
        };
    return [this, m, name, c] { call(m, name, c); };
}

void daemon::finish(traces::ref c) {
    auto const i = connections_.find(c);
    if (i == connections_.end() || !i->second.tx) return;
    auto const tx = std::exchange(i->second.tx, nullptr);
    tx->finish();
    if (!tx->keep_alive()) return remove(c, "server_finished");
    if (auto const s = loop_.stream(c)) s->timeout(config_.keep_alive_ms, "keep-alive");
}

void daemon::closed(traces::ref c) {
    auto const i = connections_.find(c);
    if (i == connections_.end()) return;
    auto const tx = i->second.tx;
    if (tx) tx->finish(cancelling_ ? "cancelled" : "dropped");
    connections_.erase(c);
}

void daemon::remove(traces::ref c, std::string_view how) {
    loop_.remove(c, how);
    closed(c);
}

} // namespace shutdown_repro::server
