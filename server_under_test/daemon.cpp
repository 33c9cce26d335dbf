#include "server_under_test/daemon.hpp"
#include <utility>
#include <vector>

namespace shutdown_repro::server {

using traces::kind;

daemon::daemon(io_loop& l, reactor_config const& c, application& a)
    : loop_(l), config_(c), rules_(rules_of(c.policy)), app_(a), trace_(l.on().trace()) {
    trace_.emit(kind::server_open, id, {}, {{"policy", words<reactor_policy>()[static_cast<std::size_t>(c.policy)]}, {"name", "daemon"}});
}

bool daemon::start(std::string& error) {
    listening_ = loop_.listen(port_, error, [this](std::shared_ptr<reactor_stream> const& s, traces::ref c) { accepted(*s, c); });
    if (!listening_) return false;
    trace_.emit(kind::server_listen, id, {}, {{"port", port_}});
    trace_.emit(kind::server_ready, id);
    return true;
}

void daemon::stop() {
    trace_.emit(kind::server_close, id);
    loop_.remove(listening_);
}

// --- the end --------------------------------------------------------------------------------------------------------------

void daemon::drop() {
    if (rules_.never_drops || !std::exchange(held_, false)) return;
    if (rules_.drops_in_next_tick) {
        trace_.emit(kind::act_free, id);
        return loop_.on().next_tick([this] { let_go(); });
    }
    traces::recorder::because_of const dropped(trace_, trace_.emit(kind::act_free, id));
    let_go();
}

void daemon::let_go() {
    if (--references_ == 0 && alive_ && !std::exchange(destroying_, true)) destroy();
}

void daemon::destroy() {
    traces::seq_t const begun = trace_.emit(kind::server_destroy, id, {}, {{"connections", static_cast<std::uint64_t>(connections_.size())}});
    traces::recorder::because_of const destroyed(trace_, begun);
    std::vector<traces::ref> all;
    for (auto const& [c, unused] : connections_) all.push_back(c);
    for (traces::ref const c : all) {
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

void daemon::nobody(std::string_view name) const {
    throw callback_error{"Can't call method \"" + std::string(name) + "\" on an undefined value", trace_.cause()};
}

void daemon::call(method m, std::string_view name, traces::ref c) {
    if (!alive_) nobody(name);
    hold const self(*this);
    traces::recorder::acting const as_server(trace_, id);
    (this->*m)(c);
}

// --- a connection ---------------------------------------------------------------------------------------------------------

void daemon::accepted(reactor_stream& s, traces::ref c) {
    connections_[c];
    s.timeout(config_.inactivity_ms, "inactivity");
    s.on_close = [this, c] {
        if (!alive_) return;
        hold const self(*this);
        traces::recorder::acting const as_server(trace_, id);
        closed(c);
    };
    s.on_timeout = [this] {
        if (!alive_) nobody("_trace");
    };
    s.on_read = [this, c](std::string_view bytes) {
        if (!alive_) nobody("_read");
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

// When the application fails here and has dropped the server before, the destructor runs while the error passes: the
// error is told after it.
void daemon::read(traces::ref c, std::string_view bytes) {
    hold const self(*this);
    traces::recorder::acting const as_server(trace_, id);
    auto const i = connections_.find(c);
    if (i == connections_.end()) return;
    if (!i->second.tx) i->second.tx = build(c);
    auto const tx = i->second.tx;
    if (!tx->read(bytes)) return;
    app_.handle(tx);
    tx->on_resume = [this, c] { call(&daemon::write_next, "_write", c); };
    write_next(c);
}

void daemon::write_next(traces::ref c) {
    auto const i = connections_.find(c);
    if (i == connections_.end() || !i->second.tx || i->second.writing) return;
    auto const tx = i->second.tx;
    i->second.writing = true;
    std::string const bytes = tx->take();
    i->second.writing = false;
    auto const s = loop_.stream(c);
    if (tx->finished()) {
        if (rules_.finishes_when_written) finish(c);
        else s->write(bytes, when_drained(&daemon::finish, "_finish", c));
    } else if (!bytes.empty()) {
        s->write(bytes, when_drained(&daemon::write_next, "_write", c));
    }
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
    if (tx) tx->finish();
    connections_.erase(c);
}

void daemon::remove(traces::ref c, std::string_view how) {
    loop_.remove(c, how);
    closed(c);
}

} // namespace shutdown_repro::server
