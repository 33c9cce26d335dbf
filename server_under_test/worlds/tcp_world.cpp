#include "server_under_test/worlds/tcp_world.hpp"
#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <unistd.h>
#include "server_under_test/worlds/timer_heap.hpp"

namespace shutdown_repro::server {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct tcp_world::loop {
    loop(ready_queue& queue, traces::nanoseconds& now) : ready(queue), clock(now) {}

    void tick() { clock = traces::monotonic_now(); }
    bool nothing_left() const { return !waits && timers.empty(); }
    void wake_for_timers();
    void watch_signals();
    template <class Over> bool drain(control&, stoppable&, traces::recorder&, Over const&);

    ready_queue& ready;
    traces::nanoseconds& clock;
    asio::io_context io{1};
    // Without this, Asio would stop between a notification and the next wait, when it has nothing to do.
    asio::executor_work_guard<asio::io_context::executor_type> stay{io.get_executor()};
    std::size_t waits = 0; // number of waits for sockets
    timer_heap timers;
    asio::steady_timer alarm{io}; // one for all timers
    traces::nanoseconds alarm_at = never;
    asio::signal_set signals{io};
    unsigned stops_asked = 0;

    static constexpr traces::nanoseconds never = std::numeric_limits<traces::nanoseconds>::max();
};

namespace {

enum way : std::uint8_t { to_read, to_write };

// A socket and the works that wait for it. The handlers in Asio share ownership: they may be called after the stream
// was destroyed, and then find no waiting work.
template <class Socket> struct watched : std::enable_shared_from_this<watched<Socket>> {
    watched(Socket s, ready_queue& queue, std::size_t& count) : socket(std::move(s)), ready(queue), waits(count) {}

    void wait(way w, work& who) {
        if (!waiter[w]) ++waits;
        waiter[w] = &who;
        if (std::exchange(under_way[w], true)) return;
        socket.async_wait(w == to_read ? Socket::wait_read : Socket::wait_write,
            [self = this->shared_from_this(), w](error_code) { self->notify(w); });
    }
    void notify(way w) {
        under_way[w] = false;
        work* const who = std::exchange(waiter[w], nullptr);
        if (!who) return;
        --waits;
        ready.push(*who);
    }
    void close() {
        for (work*& who : waiter)
            if (std::exchange(who, nullptr)) --waits;
        error_code ignored;
        socket.close(ignored);
    }

    Socket socket;
    ready_queue& ready;
    std::size_t& waits;
    std::array<work*, 2> waiter{};
    std::array<bool, 2> under_way{};
};

io_result result_of(error_code const& failed, std::size_t bytes) {
    if (!failed) return {io::ok, bytes};
    if (failed == asio::error::would_block || failed == asio::error::try_again) return {io::would_block, 0};
    return {failed == asio::error::eof ? io::eof : io::reset, 0};
}

class tcp_stream final : public stream {
public:
    tcp_stream(tcp::socket s, ready_queue& ready, std::size_t& waits, traces::nanoseconds& clock)
        : socket_(std::make_shared<watched<tcp::socket>>(std::move(s), ready, waits)),
          clock_(clock) {}
    ~tcp_stream() override { socket_->close(); }

    io_result read(std::span<char> into) override {
        error_code failed;
        std::size_t const bytes = socket_->socket.read_some(asio::buffer(into.data(), into.size()), failed);
        io_result const got = result_of(failed, bytes);
        if (got.status != io::would_block) clock_ = traces::monotonic_now();
        return got;
    }
    io_result write(std::string_view text) override {
        error_code failed;
        std::size_t const bytes = socket_->socket.write_some(asio::buffer(text.data(), text.size()), failed);
        return result_of(failed, bytes);
    }
    void when_readable(work& w) override { socket_->wait(to_read, w); }
    void when_writable(work& w) override { socket_->wait(to_write, w); }
    void shutdown_send() override {
        error_code gone; // ignored: the peer may have reset the connection
        socket_->socket.shutdown(tcp::socket::shutdown_send, gone);
    }
    void close() override { socket_->close(); }

private:
    std::shared_ptr<watched<tcp::socket>> socket_;
    traces::nanoseconds& clock_;
};

class tcp_listener final : public listener {
public:
    tcp_listener(tcp::acceptor a, ready_queue& ready, std::size_t& waits, traces::nanoseconds& clock)
        : port_(a.local_endpoint().port()),
          socket_(std::make_shared<watched<tcp::acceptor>>(std::move(a), ready, waits)),
          clock_(clock) {}
    ~tcp_listener() override { socket_->close(); }

    std::unique_ptr<stream> accept() override {
        tcp::socket accepted(socket_->socket.get_executor());
        error_code failed;
        do socket_->socket.accept(accepted, failed);
        while (failed == asio::error::connection_aborted);
        if (failed == asio::error::no_descriptors) out_of_descriptors();
        if (failed) return nullptr;
        clock_ = traces::monotonic_now();
        accepted.non_blocking(true, failed);
        accepted.set_option(tcp::no_delay(true), failed);
        return std::make_unique<tcp_stream>(std::move(accepted), socket_->ready, socket_->waits, clock_);
    }
    void when_acceptable(work& w) override { socket_->wait(to_read, w); }
    std::uint16_t port() const override { return port_; }
    void close() override { socket_->close(); }

private:
    // Ends the process: the connection stays in the backlog and would be reported as ready forever. This is not an
    // exception, because a handler could catch it.
    [[noreturn]] static void out_of_descriptors() {
        std::fputs("cannot accept: out of descriptors (ulimit -n)\n", stderr);
        std::_Exit(2);
    }

    std::uint16_t port_;
    std::shared_ptr<watched<tcp::acceptor>> socket_;
    traces::nanoseconds& clock_;
};

} // namespace

tcp_world::tcp_world(traces::recorder& r, traces::nanoseconds& clock)
    : world(r),
      loop_(std::make_unique<loop>(ready, clock)),
      clock_(clock) {
    loop_->tick();
}
tcp_world::~tcp_world() = default;

void tcp_world::start(timer& t, traces::nanoseconds after) { loop_->timers.arm(t, clock_ + after); }
void tcp_world::cancel(timer& t) { loop_->timers.cancel(t); }

std::unique_ptr<listener> tcp_world::listen(std::uint16_t port, std::string& error) {
    tcp::acceptor a(loop_->io);
    error_code failed;
    auto const attempt = [&](auto&& step) {
        if (!failed) step();
    };
    attempt([&] { a.open(tcp::v4(), failed); });
    attempt([&] { a.set_option(tcp::acceptor::reuse_address(true), failed); });
    attempt([&] { a.non_blocking(true, failed); });
    attempt([&] { a.bind({asio::ip::address_v4::loopback(), port}, failed); });
    attempt([&] { a.listen(asio::socket_base::max_listen_connections, failed); });
    if (!failed) return std::make_unique<tcp_listener>(std::move(a), ready, loop_->waits, clock_);
    error = failed == asio::error::address_in_use
        ? "port " + std::to_string(port) + " is in use (127.0.0.1)"
        : "cannot listen on port " + std::to_string(port) + " (127.0.0.1): " + failed.message();
    return nullptr;
}

void tcp_world::die(std::string_view message) {
    std::string line(message);
    line += '\n';
    [[maybe_unused]] auto const written = ::write(STDERR_FILENO, line.data(), line.size());
    std::abort();
}

void tcp_world::stop_on_signals() {
    loop_->signals.add(SIGINT);
    loop_->signals.add(SIGTERM);
    loop_->watch_signals();
}

void tcp_world::loop::watch_signals() {
    signals.async_wait([this](error_code failed, int) {
        if (failed) return;
        ++stops_asked;
        watch_signals();
    });
}

// The handler of an alarm that was reset meanwhile may still be called; it only wakes the loop needlessly.
void tcp_world::loop::wake_for_timers() {
    if (timers.empty() || alarm_at <= timers.next_due()) return;
    alarm_at = timers.next_due();
    alarm.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(alarm_at)));
    alarm.async_wait([this](error_code failed) {
        if (!failed) alarm_at = never;
    });
}

// Runs all ready work. Returns true when `over` does.
template <class Over>
bool tcp_world::loop::drain(control& points, stoppable& server, traces::recorder& trace, Over const& over) {
    for (;;) {
        tick();
        for (; stops_asked; --stops_asked) {
            traces::recorder::acting const as(trace, {traces::entity::control, 1});
            server.stop();
        }
        while (points.pending()) points.act(server, trace);
        if (over()) return true;
        work* const next = ready.pop();
        if (!next) return false;
        next->run(*next);
    }
}

tcp_world::end tcp_world::run(control& points, stoppable& server, std::function<bool()> const& over) {
    loop& l = *loop_;
    if (l.drain(points, server, trace, over)) return end::over;
    for (;;) {
        // One at a time, because a timer can cancel the next one that is due.
        while (!l.timers.empty() && l.timers.next_due() <= l.clock) {
            ready.push(l.timers.take_next());
            if (l.drain(points, server, trace, over)) return end::over;
        }
        if (l.nothing_left()) return end::nothing_left;
        l.wake_for_timers();
        l.io.run_one();
        if (l.drain(points, server, trace, over)) return end::over;
    }
}

} // namespace shutdown_repro::server
