#include "repro/explore/footprint.hpp"
#include "repro/explore/strategy.hpp"

namespace shutdown_repro::repro {

using server::server_kind;

using traces::entity;
using traces::event;
using traces::kind;
using traces::ref;

namespace {

std::uint64_t key(ref r) { return static_cast<std::uint64_t>(r.type) << 32 | r.number; }
// Things without an id.
constexpr std::uint64_t pair_of_sockets = std::uint64_t{100} << 32, instant = std::uint64_t{101} << 32,
                        listening = std::uint64_t{102} << 32, any_connection = std::uint64_t{103} << 32,
                        loop_counts = std::uint64_t{104} << 32, program = std::uint64_t{105} << 32;

template <class T> T& at(std::vector<T>& v, std::uint32_t n) {
    if (n >= v.size()) v.resize(n + 1);
    return v[n];
}
template <class T> T known(std::vector<T> const& v, std::uint32_t n) { return n < v.size() ? v[n] : T{}; }

} // namespace

void footprint::set(bits& b, std::uint64_t what) {
    std::uint64_t const h = (what + 1) * 0x9E3779B97F4A7C15u >> 55; // 9 bits
    b[h / 64] |= std::uint64_t{1} << h % 64;
}

bool footprint::independent_of(footprint const& o) const {
    if (everything_ || o.everything_) return false;
    for (std::size_t i = 0; i < writes_.size(); ++i)
        if (writes_[i] & (o.writes_[i] | o.reads_[i]) || reads_[i] & o.writes_[i]) return false;
    return true;
}

void footprint_reader::begin() {
    parents_.clear();
    homes_.clear();
    outside_waits_.clear();
    clients_.clear();
    reads_of_ = 0;
    stopped_ = false;
}

void footprint_reader::step(server::alternative const& a, footprint& f) {
    reads_of_ = a.what == server::move::server_reads ? a.who.number : 0;
    if (std::uint32_t const c = connection_of(of_, a.who)) f.write(pair_of_sockets | c);
    if (a.who.type == entity::server) f.write(listening);
    if (a.who.type == entity::world || a.who.type == entity::loop || a.who.type == entity::process)
        f.touch_everything(); // time passes, the loop polls, or the process ends
}

void footprint_reader::learn(event const& e) {
    if (e.what == kind::scope_open) at(parents_, e.id.number) = e.parent.number;
    if (e.what == kind::coroutine_spawn) at(homes_, e.id.number) = e.parent.number;
    if (e.what == kind::request_begin && e.parent.type == entity::connection)
        at(clients_, e.parent.number) = connection_of(of_, e.id);
    if (e.what == kind::connection_read && reads_of_) at(clients_, e.id.number) = reads_of_;
    stopped_ |= e.what == kind::server_stopped;
}

void footprint_reader::scope_and_above(ref s, footprint& f) const {
    for (std::uint32_t n = s.number; n; n = known(parents_, n)) f.write(key({entity::scope, n}));
}

// A connection and its client are one thing. The client is known once a request has begun on the connection.
std::uint64_t footprint_reader::connection(ref c) const {
    if (c.type == entity::connection && of_.kind() == server_kind::scoped) {
        std::uint32_t const client = known(clients_, c.number);
        return client ? pair_of_sockets | client : any_connection;
    }
    return pair_of_sockets | connection_of(of_, c);
}

void footprint_reader::coroutine(event const& e, footprint& f) {
    f.write(key(e.id));
    switch (e.what) {
    case kind::coroutine_start: return;
    case kind::coroutine_suspend: {
        std::string_view const on = e.text("on");
        char& outside = at(outside_waits_, e.id.number);
        outside = on == "delay" || on == "answer" || on == "hook" || on == "forever";
        if (!outside) f.touch_everything();
        if (e.find("ms"))
            f.write(instant |
                static_cast<std::uint64_t>(e.t + e.integer("ms") * traces::millisecond) % (std::uint64_t{1} << 32));
        return;
    }
    case kind::coroutine_resume:
        if (!known(outside_waits_, e.id.number)) f.touch_everything();
        return;
    case kind::coroutine_remove:
        if (stopped_) f.touch_everything();
        [[fallthrough]];
    default: scope_and_above({entity::scope, known(homes_, e.id.number)}, f);
    }
}

void footprint_reader::saw(event const& e, footprint* f) {
    learn(e);
    if (!f) return;
    switch (e.id.type) {
    case entity::coroutine: return coroutine(e, *f);
    case entity::scope: scope_and_above(e.id, *f); break;
    case entity::listener: return scope_and_above(e.parent, *f);
    case entity::client:
    case entity::connection:
    case entity::request:
    case entity::stream: {
        ref const whose = e.id.type == entity::stream ? e.parent : e.id;
        f->write(connection(whose));
        if (whose.type == entity::client) f->read(any_connection);
        break;
    }
    case entity::timer: f->write(key(e.id)); break;
    case entity::loop:
        if (e.what != kind::loop_tick && e.what != kind::loop_serve && e.what != kind::decision) f->write(loop_counts);
        break;
    default: break;
    }
    switch (e.what) {
    case kind::act_stop:
    case kind::act_free:
    case kind::server_destroy:
    case kind::server_free:
    case kind::server_stopped:
    case kind::loop_stop:
    case kind::loop_stopping:
    case kind::assertion:
    case kind::scope_access:
    case kind::process_exit: f->touch_everything(); break;
    case kind::connection_open:
    case kind::client_connect: f->write(listening); break;
    case kind::stream_open:
    case kind::stream_close: f->write(loop_counts); break;
    case kind::request_begin: f->read(program); [[fallthrough]];
    case kind::client_done:
    case kind::client_fail:
        if (of_.kind() == server_kind::reactor) f->write(program); // it counts those that were handled and answered
        break;
    default: break;
    }
}

} // namespace shutdown_repro::repro
