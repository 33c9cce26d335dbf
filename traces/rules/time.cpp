// Rules about how long a stop takes, and what it waits for.
#include <array>
#include "traces/rules/family.hpp"

namespace shutdown_repro::traces {
namespace {

// What makes an idle connection different from a request in flight: nobody owes anybody anything on it. A stop that waits for
// it waits for a timeout or for the client's mood. Two ways show that it did. The server's own facts are exact: the loop ends
// because of the timeout of a connection on which no request is open. From outside it is inferred: after the last piece of
// work was done, nothing but idle connections was left, one stayed open all the while, and the end came when it went.
struct idle_connection_blocks_stop final : rule {
    static rule_info info() {
        return {
            .id = "idle-connection-blocks-stop",
            .level = severity::warning,
            .needs = 0,
            .needs_one_of = clients | connections,
            .kinds = {kind::client_connected, kind::client_send, kind::client_done, kind::client_fail, kind::client_closed,
                      kind::connection_open, kind::connection_close, kind::request_begin, kind::request_finish,
                      kind::stream_timeout, kind::stream_close, kind::coroutine_finish, kind::timer_fire,
                      kind::loop_stopping, kind::loop_stop, kind::server_stopped, kind::process_exit},
            .summary = "the stop ends only when an idle keep-alive connection goes, with no request open",
            .why = "Between two requests of a kept connection nothing is owed: closing it then is what keep-alive allows. A stop that "
                   "counts connections instead of requests waits for the keep-alive timeout, or for a client that never closes, "
                   "and each deployment takes that much longer. It is seen in the server's own facts, or from outside when the exit "
                   "follows the end of an idle connection more than 250 ms after the last work. Where a connection that never sent "
                   "a byte is open too, outside facts can't tell which of them it was, and are not judged.",
            .cites = "aiohttp#1221, node#2642",
            .fix = "close idle connections when the stop begins, and each other one with its response",
            .make = make<idle_connection_blocks_stop>,
        };
    }

    void on(event const& e, model const& m, rule_run& out) override {
        follow(e, m);
        if (m.t0 == no_seq || reported_) return;
        switch (e.what) {
        case kind::client_done: case kind::client_fail: case kind::request_finish: case kind::coroutine_finish: worked_ = e.t; return;
        case kind::timer_fire:
            if (timer_state const* t = m.timers.find(e.id.number); t && t->user) worked_ = e.t;
            return;
        case kind::stream_timeout:
            if (peer const* p = e.parent.type == entity::connection ? served_.find(e.parent.number) : nullptr; p && p->idle()) timed_out_ = e.parent, timed_out_at_ = e.seq;
            return;
        case kind::loop_stopping: return by_own_facts(e, m, out);
        case kind::loop_stop: case kind::server_stopped: case kind::process_exit: return from_outside(e, m, out);
        default: return;
        }
    }
    std::string_view lacks(model const& m) const override { return m.t0 == no_seq ? "a stop" : ended_ ? "" : "the end of a loop or process"; }
    void reset() override {
        clients_.clear();
        served_.clear();
        timed_out_at_ = gone_at_seq_ = no_seq;
        worked_ = gone_at_ = 0;
        reported_ = ended_ = false;
    }

private:
    struct peer {
        std::uint32_t open = 0; // requests
        seq_t idle_since = no_seq; // the end of its latest request
        bool idle() const { return !open && idle_since != no_seq; }
    };

    // Both ends of a connection may be in a trace, or one.
    void follow(event const& e, model const& m) {
        auto const begun = [](live_set<peer>& of, std::uint32_t n) { ++of.open(n).open; };
        auto const over = [&](live_set<peer>& of, std::uint32_t n) {
            if (peer* p = of.find(n)) p->open -= p->open > 0, p->idle_since = e.seq;
        };
        switch (e.what) {
        case kind::client_connected: clients_.open(e.id.number); return;
        case kind::client_send: return begun(clients_, e.id.number);
        case kind::client_done: return over(clients_, e.id.number);
        case kind::client_fail: return clients_.close(e.id.number);
        case kind::client_closed: return gone(clients_, e.id, e);
        case kind::connection_open: served_.open(e.id.number); return;
        case kind::connection_close: return gone(served_, e.id, e);
        case kind::stream_close: return gone(served_, e.parent, e);
        case kind::request_begin:
            if (e.parent.type == entity::connection) begun(served_, e.parent.number);
            return;
        case kind::request_finish:
            if (request_state const* r = m.requests.find(e.id.number); r && r->connection) over(served_, r->connection.number);
            return;
        default: return;
        }
    }
    void gone(live_set<peer>& of, ref who, event const& e) {
        if ((who.type != entity::client) == (&of == &clients_)) return;
        peer const* p = of.find(who.number);
        if (p && p->idle()) gone_ = who, gone_at_ = e.t, gone_at_seq_ = e.seq;
        of.close(who.number);
    }

    nanoseconds quiet_since(model const& m) const { return std::max(m.t0_time, worked_); }

    void by_own_facts(event const& e, model const& m, rule_run& out) {
        bool const because = std::find(e.because.begin(), e.because.end(), timed_out_at_) != e.because.end();
        if (timed_out_at_ == no_seq || !because || e.t - quiet_since(m) < felt) return;
        report(timed_out_, timed_out_at_, to_string(e.id) + " ended only when the idle " + to_string(timed_out_) + " was inactive for too long", e, m, out);
    }

    // The end came when the last idle one went, or closed it itself.
    void from_outside(event const& e, model const& m, rule_run& out) {
        ended_ = true;
        live_set<peer> const& all = clients_.size() || gone_.type == entity::client ? clients_ : served_;
        bool other = false;
        ref idle;
        seq_t since = no_seq;
        all.each([&](std::uint32_t n, peer const& p) {
            if (!p.idle()) other = true;
            else if (since == no_seq) idle = {&all == &clients_ ? entity::client : entity::connection, n}, since = p.idle_since;
        });
        nanoseconds until = e.t;
        if (since == no_seq) idle = gone_, since = gone_at_seq_, until = gone_at_;
        if (other || since == no_seq || until - quiet_since(m) < seen_from_outside || e.t - until > seen_from_outside) return;
        report(idle, since, to_string(e.id) + " ended only with the idle " + to_string(idle), e, m, out);
    }

    void report(ref idle, seq_t shown, std::string message, event const& e, model const& m, rule_run& out) {
        reported_ = true;
        nanoseconds const quiet = e.t - quiet_since(m);
        message += ", " + duration_text(e.t - m.t0_time) + " after the stop";
        if (quiet != e.t - m.t0_time) message += " and " + duration_text(quiet) + " after the last work";
        out.report({.subject = idle, .at = e.seq, .witness = {shown}, .message = std::move(message)});
    }

    static constexpr nanoseconds felt = 50'000'000, seen_from_outside = 250'000'000;
    live_set<peer> clients_, served_;
    ref timed_out_, gone_; // the latest idle one
    seq_t timed_out_at_ = no_seq, gone_at_seq_ = no_seq;
    nanoseconds worked_ = 0, gone_at_ = 0;
    bool reported_ = false, ended_ = false;
};

} // namespace

std::span<rule_info const> time_rules() {
    static std::array const rules = {idle_connection_blocks_stop::info()};
    return rules;
}

} // namespace shutdown_repro::traces
