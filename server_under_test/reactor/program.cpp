#include "server_under_test/reactor/program.hpp"
#include <csignal>
#include <cstring>
#include <utility>

namespace shutdown_repro::server {

using traces::kind;

namespace {

constexpr traces::nanoseconds stop_timer = 20 * traces::millisecond, first_delay = 50 * traces::millisecond,
                              further_delay = 20 * traces::millisecond;

std::optional<traces::nanoseconds> grace_of(reactor_config const& c) {
    if (!rules_of(c.policy).drains) return std::nullopt;
    return c.grace_ms * traces::millisecond;
}

int parts_of(reply r) { return r == reply::stream ? 3 : r == reply::stream2 ? 2 : r == reply::stream4 ? 4 : 0; }

} // namespace

reactor_program::reactor_program(polling_world& w, reactor_config const& c)
    : config_(c),
      world_(w),
      reactor_(w, c.order),
      loop_(reactor_, grace_of(c)),
      server_(loop_, c, *this),
      agent_(loop_, c.client_inactivity_ms) {
    reactor_.on_signal = [this](arrived_signal s) { signalled(s); };
    if (c.when == stop_moment::any) open_acts();
}

reactor_program::~reactor_program() {
    world_.trace.mute(); // the process has ended; what follows only frees memory
    server_.abandon();
}

bool reactor_program::run(std::string& error) {
    loop_.on_finish("the program's end", [] {});
    if (!server_.start(error)) return false;
    reactor_.next_tick([this] { issue_requests(); });
    if (!reactor_.run()) return false;
    traces::recorder::because_of const ended(world_.trace, reactor_.stopped_at());
    auto const left = [](std::size_t n) { return static_cast<std::uint64_t>(n); };
    world_.trace.emit(kind::loop_stop, reactor::id, {},
        {{"in", left(loop_.incoming())}, {"out", left(loop_.outgoing())}, {"timers", left(reactor_.user_timers_left())},
            {"queued", left(reactor_.queued_calls_left())}, {"writing", left(loop_.writing())},
            {"due", left(reactor_.due_timers_left())}});
    if (config_.when == stop_moment::signal) server_.drop();
    return true;
}

void reactor_program::issue_requests() {
    for (std::uint32_t k = 1; k <= config_.connections; ++k)
        agent_.get(server_.port(), k, config_.close, [this](traces::ref) { answered(); });
}

// --- the handler ----------------------------------------------------------------------------------------------------

void reactor_program::handle(std::shared_ptr<transaction> const& tx) {
    traces::recorder::acting const as_handler(world_.trace, tx->id());
    if (++handled_ == 1) {
        arm_timers();
        if (config_.when == stop_moment::handler) stop_once();
    }
    switch (config_.handler) {
    case reply::imm: return answer(*tx);
    case reply::stream:
    case reply::stream2:
    case reply::stream4: return answer_in_parts(*tx, 0, parts_of(config_.handler));
    case reply::delay:
    case reply::delay_weak:
    case reply::throw_late: return answer_later(tx);
    case reply::never: return;
    case reply::throw_raw: throw callback_error{"boom", world_.trace.cause()};
    case reply::throws: {
        std::string page;
        http::write_response(page, 500, !tx->keep_alive());
        return tx->answer_for(500, std::move(page));
    }
    }
}

void reactor_program::answer(transaction& tx) {
    std::string bytes;
    http::write_response(bytes, 200, !tx.keep_alive());
    tx.respond(200, std::move(bytes));
}

// Sends the head and the first part, each further part after the one before it was written, and finally the empty
// chunk.
void reactor_program::answer_in_parts(transaction& tx, int part, int parts) {
    std::string bytes;
    if (part == 0) http::write_chunked_head(bytes, 200, !tx.keep_alive());
    if (part == parts) {
        http::write_chunk(bytes, {});
        return tx.respond(200, std::move(bytes), {}, part);
    }
    http::write_chunk(bytes, std::string(4, static_cast<char>('a' + part)));
    tx.respond(
        200, std::move(bytes), [this, &tx, part, parts] { answer_in_parts(tx, part + 1, parts); }, part);
}

void reactor_program::answer_later(std::shared_ptr<transaction> const& tx) {
    bool const weakly = config_.handler == reply::delay_weak;
    auto answer_now = [this, name = tx->id(), weak = std::weak_ptr(tx), strong = weakly ? nullptr : tx] {
        auto const t = weak.lock();
        server_.work_on(t, [&] {
            if (config_.handler == reply::throw_late) throw callback_error{"boom", world_.trace.cause()};
            if (!t) throw callback_error{"Transaction already destroyed", world_.trace.cause()};
            answer(*t);
            t->resume();
        });
    };
    reactor_.timer(first_delay + further_delay * (handled_ - 1), "handler",
        "the answer to " + traces::to_string(tx->id()), std::move(answer_now), false, tx->id());
}

// --- timers and the stop --------------------------------------------------------------------------------------------

void reactor_program::arm_timers() {
    if (config_.timer == user_timer::oneshot || config_.timer == user_timer::recurring)
        arm_user_timer(config_.timer == user_timer::recurring);
    if (config_.when == stop_moment::timer) reactor_.timer(stop_timer, "stop", "T", [this] { stop_once(); });
}

void reactor_program::arm_user_timer(bool recurring) {
    traces::nanoseconds const after = config_.timer_ms * traces::millisecond;
    reactor_.timer(
        recurring ? after / 3 : after, "user", "U1", [] {}, recurring);
}

void reactor_program::answered() {
    ++answered_;
    if ((config_.when == stop_moment::cb1 && answered_ == 1) ||
        (config_.when == stop_moment::cbN && answered_ == config_.connections))
        stop_once();
}

void reactor_program::finished(transaction&) {
    ++finished_;
    if (config_.when == stop_moment::finish) stop_once();
}

// Idle means that every request was answered (or never will be), every transaction has ended and no user timer is
// armed. Then there is nothing to wait for, and the stop has to be called.
void reactor_program::open_acts() {
    reactor_.acts.emplace(reactor::open_acts{
        .offer =
            [this](std::vector<alternative>& to) {
                if (!stopped_) to.push_back(stop_is_called);
                if (free_open_ && server_.held()) to.push_back(free_is_called);
            },
        .idle =
            [this] {
                bool const no_more_answers = config_.handler == reply::never
                    ? handled_ == config_.connections
                    : answered_ == config_.connections && finished_ >= handled_;
                return !stopped_ && no_more_answers && reactor_.user_timers_left() == 0;
            },
        .take =
            [this](alternative const& taken) {
                traces::recorder::acting const as_control(world_.trace, {traces::entity::control, 1});
                if (taken == stop_is_called) return stop_once();
                free_open_ = false;
                stop_called_ = true;
                server_.drop();
            },
    });
}

void reactor_program::stop_once() {
    if (!std::exchange(stopped_, true)) stop(config_.what);
}

// SIGQUIT asks for a graceful stop, SIGTERM and SIGINT end the loop, whoever sends them.
void reactor_program::signalled(arrived_signal s) {
    traces::recorder::acting const as_control(world_.trace, {traces::entity::control, 1});
    traces::recorder::because_of const sent(world_.trace, s.because);
    traces::seq_t const told = world_.trace.emit(kind::process_signal, {traces::entity::process, 1}, {},
        {{"signal", std::string("SIG") + sigabbrev_np(s.number)}});
    traces::recorder::because_of const arrived(world_.trace, told);
    bool const asked = config_.when == stop_moment::signal;
    stop(s.number != SIGQUIT ? stop_action::stop : asked ? config_.what : stop_action::g);
}

void reactor_program::stop(stop_action what) {
    stop_called_ = true;
    traces::seq_t const called = world_.trace.emit(
        kind::act_stop, daemon::id, {}, {{"what", words<stop_action>()[static_cast<std::size_t>(what)]}});
    traces::recorder::because_of const asked(world_.trace, called);
    act(what);
    if (config_.timer == user_timer::stopcb) arm_user_timer(false);
    world_.trace.emit(kind::act_return, daemon::id);
}

void reactor_program::act(stop_action what) {
    auto const drop = [this] { server_.drop(); };
    switch (what) {
    case stop_action::stop: return loop_.stop();
    case stop_action::u: return drop();
    case stop_action::un: return reactor_.next_tick(drop);
    case stop_action::g: return loop_.stop_gracefully();
    case stop_action::gs:
    case stop_action::gsu:
    case stop_action::gsn: break;
    }
    loop_.stop_gracefully();
    server_.stop();
    if (what == stop_action::gsu) drop();
    if (what == stop_action::gsn) reactor_.next_tick(drop);
}

} // namespace shutdown_repro::server
