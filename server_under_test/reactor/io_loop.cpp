#include "server_under_test/reactor/io_loop.hpp"
#include <utility>

namespace shutdown_repro::server {

using traces::entity;
using traces::kind;

namespace {

constexpr traces::nanoseconds connect_timeout = 10'000 * traces::millisecond;
constexpr traces::nanoseconds flush_patience =
    1000 * traces::millisecond; // time for clients to read their responses after the cancellation

std::string name_of_end(traces::ref id) {
    return (id.type == entity::client ? "client connection:" : "server connection:") + std::to_string(id.number);
}

} // namespace

acceptor::acceptor(reactor& r, descriptor h, std::function<void(descriptor)> on_accept)
    : on_(r),
      socket_(h),
      on_accept_(std::move(on_accept)) {}

acceptor::~acceptor() {
    stop();
    on_.world().close(socket_);
}

void acceptor::start() {
    if (std::exchange(accepting_, true)) return;
    on_.io(socket_, {entity::server, 1}, "listener", [this](bool) { accept_waiting(); });
    on_.watch(socket_, true, false);
}

void acceptor::accept_waiting() {
    for (descriptor h; accepting_ && (h = on_.world().accept(socket_)) != no_descriptor;) on_accept_(h);
}

void acceptor::stop() {
    if (std::exchange(accepting_, false)) on_.remove(socket_);
}

// --- accepting ------------------------------------------------------------------------------------------------------

std::shared_ptr<acceptor> io_loop::listen(std::uint16_t& port, std::string& error, on_stream accepted) {
    descriptor const h = reactor_.world().listen(port, error);
    if (h == no_descriptor) return nullptr;
    acceptors_.push_back(std::make_shared<acceptor>(
        reactor_, h, [this, accepted = std::move(accepted)](descriptor s) { admit(s, accepted); }));
    auto const added = acceptors_.back();
    accept_no_more();
    accept_again();
    return added;
}

void io_loop::admit(descriptor h, on_stream const& accepted) {
    traces::ref const id = reactor_.trace().fresh(entity::connection);
    reactor_.trace().emit(kind::connection_open, id, {entity::server, 1});
    accepted(in_[id] = adopt(h, id), id);
}

void io_loop::remove(std::shared_ptr<acceptor> const& a) {
    if (!std::erase(acceptors_, a)) return;
    a->stop();
    accept_no_more();
    accept_again();
}

void io_loop::accept_no_more() {
    if (!std::exchange(accepting_, false)) return;
    for (auto const& a : acceptors_) a->stop();
}

void io_loop::accept_again() {
    if (stopping_ || std::exchange(accepting_, true)) return;
    for (auto const& a : acceptors_) a->start();
}

// --- connecting -----------------------------------------------------------------------------------------------------

traces::ref io_loop::connect(std::uint16_t port, on_stream connected) {
    traces::ref const id = reactor_.trace().fresh(entity::client);
    out_[id] = nullptr;
    reactor_.next_tick([this, id, port, connected = std::move(connected)] { make_connection(id, port, connected); });
    return id;
}

void io_loop::make_connection(traces::ref id, std::uint16_t port, on_stream const& connected) {
    reactor_.trace().emit(kind::client_connect, id, {}, {{"port", port}});
    descriptor const h = reactor_.world().connect(port);
    if (h == no_descriptor) {
        closed(id, "refused");
        return connected(nullptr, id);
    }
    reactor::timer_id const patience = reactor_.timer(
        connect_timeout, "connect", "connect timeout of " + name_of_end(id),
        [this, id, h, connected] {
            reactor_.remove(h);
            reactor_.world().close(h);
            closed(id, "timeout");
            connected(nullptr, id);
        },
        false, id);
    reactor_.io(h, id, name_of_end(id), [this, id, h, patience, connected](bool) {
        reactor_.remove_timer(patience);
        reactor_.remove(h);
        reactor_.trace().emit(kind::client_connected, id);
        connected(out_[id] = adopt(h, id), id);
    });
    reactor_.watch(h, false, true);
}

// --- streams --------------------------------------------------------------------------------------------------------

std::shared_ptr<reactor_stream> io_loop::adopt(descriptor h, traces::ref id) {
    auto s = std::make_shared<reactor_stream>(reactor_, h, id, name_of_end(id));
    s->on_release = [this, id](std::string_view how) { closed(id, how); };
    s->start();
    return s;
}

std::shared_ptr<reactor_stream> io_loop::stream(traces::ref id) const {
    auto const& side = id.type == entity::client ? out_ : in_;
    auto const i = side.find(id);
    return i == side.end() ? nullptr : i->second;
}

void io_loop::remove(traces::ref id, std::string_view how) {
    if (auto const s = stream(id)) s->close_gracefully(how);
}

// Every closed connection checks whether it was the last one that a graceful stop waits for.
void io_loop::closed(traces::ref id, std::string_view how) {
    if (!in_.erase(id) && !out_.erase(id)) return;
    traces::recorder::besides const asked(reactor_.trace(), asked_);
    if (stopping_ && in_.empty() && !grace_) reactor_.stop("last_incoming_closed", how);
    else accept_again();
}

void io_loop::on_finish(std::string_view name, reactor::callback call) {
    hooks_.push_back({reactor_.trace().fresh(entity::listener), std::move(call)});
    reactor_.trace().emit(kind::hook_add, hooks_.back().id, reactor::id, {{"name", name}});
}

std::size_t io_loop::writing() const {
    std::size_t n = 0;
    for (auto const* side : {&in_, &out_})
        for (auto const& [unused, s] : *side) n += s && s->writing();
    return n;
}

void io_loop::stop() { grace_ ? drain() : reactor_.stop("explicit"); }

void io_loop::stop_gracefully() {
    if (grace_) return drain();
    accept_no_more();
    traces::seq_t const called = say_that_it_stops();
    if (std::exchange(stopping_, true)) return;
    traces::recorder::because_of const asked(reactor_.trace(), asked_ = called);
    tell_who_wants_to_know();
    if (in_.empty()) reactor_.stop("no_incoming");
}

traces::seq_t io_loop::say_that_it_stops() {
    return reactor_.trace().emit(
        kind::loop_stop_gracefully, reactor::id, {}, {{"incoming", static_cast<std::uint64_t>(incoming())}});
}

void io_loop::tell_who_wants_to_know() {
    traces::recorder& trace = reactor_.trace();
    trace.emit(kind::loop_finish, reactor::id);
    for (hook const& h : hooks_) {
        traces::recorder::because_of const begun(trace, trace.emit(kind::hook_begin, h.id, reactor::id));
        h.call();
        trace.emit(kind::hook_end, h.id, reactor::id);
    }
}

// --- draining -------------------------------------------------------------------------------------------------------

// Connections in the backlog came before the stop, so they are accepted.
void io_loop::drain() {
    if (std::exchange(stopping_, true)) return;
    for (auto const& a : acceptors_) a->accept_waiting();
    accept_no_more();
    asked_ = say_that_it_stops();
    traces::recorder::because_of const asked(reactor_.trace(), asked_);
    tell_who_wants_to_know();
    bound_ = reactor_.timer(*grace_, "grace", "the grace of the drain", [this] { cancel_the_rest(); });
    reactor_.drain([this] {
        reactor_.remove_timer(bound_);
        reactor_.cancel_users_timers("drained"); // cancels the recurring ones, unless the grace period has ended
        if (steps_.over) steps_.over();
    });
    if (steps_.begin) steps_.begin();
}

void io_loop::cancel_the_rest() {
    reactor_.cancel_users_timers("grace is over");
    if (steps_.cancel) steps_.cancel();
    bound_ =
        reactor_.timer(flush_patience, "grace", "the patience with what was cancelled", [this] { close_the_rest(); });
}

void io_loop::close_the_rest() {
    for (auto* const side : {&in_, &out_}) {
        auto const all = *side; // a copy, because closing removes them
        for (auto const& [id, s] : all)
            if (s) s->close("grace_over");
    }
    reactor_.end_drain();
}

} // namespace shutdown_repro::server
