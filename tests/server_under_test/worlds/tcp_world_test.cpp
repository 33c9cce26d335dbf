#include <arpa/inet.h>
#include <csignal>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <functional>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "server_under_test/worlds/tcp_world.hpp"
#include "tests/catch.hpp"
#include "traces/clock.hpp"
#include "traces/trace.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::server;

namespace {

struct call final : work {
    explicit call(std::function<void()> f) : body(std::move(f)) {
        run = [](work& w) { static_cast<call&>(w).body(); };
    }
    std::function<void()> body;
};

struct call_timer final : timer {
    explicit call_timer(std::function<void()> f) : body(std::move(f)) {
        run = [](work& w) { static_cast<call_timer&>(w).body(); };
    }
    std::function<void()> body;
};

// Counts calls, and records them like a real server.
struct counting_server final : stoppable {
    explicit counting_server(traces::recorder& r) : record(r) {}
    void stop() override {
        ++stops;
        record.emit(traces::kind::act_stop, {traces::entity::server, 1});
    }
    void free() override {
        ++frees;
        record.emit(traces::kind::act_free, {traces::entity::server, 1});
    }
    traces::recorder& record;
    int stops = 0, frees = 0;
};

// A TCP world with everything around it.
struct bench {
    explicit bench(std::string_view stop_at = "never", std::string_view free_at = "never")
        : stops(stop_at, free_at, kept) {}
    tcp_world::end run(std::function<bool()> over = [] { return false; }) { return world.run(stops, server, over); }
    traces::trace kept;
    control stops;
    traces::nanoseconds clock = 0;
    traces::recorder record{stops, clock};
    tcp_world world{record, clock};
    counting_server server{record};
};

// The blocking socket of a client. The other end is the non-blocking world in the same thread, so the client only makes
// calls that the kernel completes at once.
struct peer {
    explicit peer(std::uint16_t port) : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected = ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
        error = connected ? 0 : errno;
    }
    peer(peer const&) = delete;
    ~peer() { close(); }
    void close() {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }
    void send(std::string_view text) {
        REQUIRE(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
    }
    // Returns the bytes up to the end of the stream, or "reset" when it was reset.
    std::string rest() {
        std::string all;
        char part[4096];
        for (;;) {
            ssize_t const got = ::recv(fd, part, sizeof part, 0);
            if (got == 0) return all;
            if (got < 0) return std::string("reset");
            all.append(part, static_cast<std::size_t>(got));
        }
    }
    void reset() {
        linger const at_once{1, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }
    int fd;
    bool connected = false;
    int error = 0;
};

// Echoes what it receives; closes when the peer has ended.
struct echo {
    echo(bench& b, std::unique_ptr<stream> s) : on(b), io_stream(std::move(s)) { io_stream->when_readable(readable); }
    void go_on() {
        char part[1024];
        for (;;) {
            io_result const got = io_stream->read(part);
            if (got.status == io::would_block) return io_stream->when_readable(readable);
            last = got.status;
            if (got.status != io::ok) {
                io_stream->shutdown_send();
                io_stream->close();
                ended = true;
                return;
            }
            io_stream->write({part, got.bytes});
        }
    }
    bench& on;
    std::unique_ptr<stream> io_stream;
    call readable{[this] { go_on(); }};
    io last = io::ok;
    bool ended = false;
};

// Accepts all connections and echoes.
struct echo_server {
    explicit echo_server(bench& b) : on(b) {
        std::string error;
        accepting = b.world.listen(0, error);
        REQUIRE(accepting);
        CHECK(error.empty());
        accepting->when_acceptable(acceptable);
    }
    void accept_all() {
        while (auto s = accepting->accept()) echoes.emplace_back(on, std::move(s));
        accepting->when_acceptable(acceptable);
    }
    std::size_t ended() const {
        return static_cast<std::size_t>(
            std::count_if(echoes.begin(), echoes.end(), [](echo const& e) { return e.ended; }));
    }
    bench& on;
    std::unique_ptr<listener> accepting;
    std::deque<echo> echoes;
    call acceptable{[this] { accept_all(); }};
};

std::size_t open_descriptors() {
    std::size_t open = 0;
    for (int fd = 0; fd < 1024; ++fd) open += ::fcntl(fd, F_GETFD) != -1;
    return open;
}

} // namespace

TEST_CASE("what a client sends comes back through the seam, then the end of the stream") {
    bench b;
    echo_server server(b);
    peer client(server.accepting->port());
    REQUIRE(client.connected);
    client.send("one ");
    client.send("two");
    ::shutdown(client.fd, SHUT_WR);
    CHECK(b.run([&] { return server.ended() == 1; }) == tcp_world::end::over);
    CHECK(client.rest() == "one two");
    CHECK(server.echoes.front().last == io::eof);
}

TEST_CASE("a peer that resets is reported as reset, not as the end of the stream") {
    bench b;
    echo_server server(b);
    peer client(server.accepting->port());
    client.reset();
    CHECK(b.run([&] { return server.ended() == 1; }) == tcp_world::end::over);
    CHECK(server.echoes.front().last == io::reset);
}

TEST_CASE("all clients in the backlog can be accepted at once, and then none waits") {
    bench b;
    std::string error;
    auto accepting = b.world.listen(0, error);
    REQUIRE(accepting);
    std::deque<peer> clients;
    for (int i = 0; i < 300; ++i) {
        clients.emplace_back(accepting->port());
        REQUIRE(clients.back().connected);
    }
    std::vector<std::unique_ptr<stream>> accepted;
    call acceptable{[&] {
        while (auto s = accepting->accept()) accepted.push_back(std::move(s));
    }};
    accepting->when_acceptable(acceptable);
    CHECK(b.run() == tcp_world::end::nothing_left);
    CHECK(accepted.size() == 300);
    CHECK(accepting->accept() == nullptr);
}

TEST_CASE("closing the listener resets the clients in the backlog and refuses later ones") {
    bench b;
    std::string error;
    auto accepting = b.world.listen(0, error);
    REQUIRE(accepting);
    std::uint16_t const port = accepting->port();
    peer waiting(port);
    bool told = false;
    call acceptable{[&] { told = true; }};
    accepting->when_acceptable(acceptable);
    accepting->close();
    CHECK(b.run() == tcp_world::end::nothing_left);
    CHECK_FALSE(told);
    CHECK(waiting.rest() == "reset");
    CHECK(peer(port).error == ECONNREFUSED);
}

TEST_CASE("the error for a port in use names the port and the address") {
    bench b;
    std::string error;
    auto first = b.world.listen(0, error);
    REQUIRE(first);
    CHECK(b.world.listen(first->port(), error) == nullptr);
    CHECK(error == "port " + std::to_string(first->port()) + " is in use (127.0.0.1)");
}

TEST_CASE("a port whose connections linger in TIME_WAIT can be listened on again") {
    bench b;
    std::uint16_t port = 0;
    {
        echo_server server(b);
        port = server.accepting->port();
        peer client(port);
        CHECK(b.run([&] { return server.echoes.size() == 1; }) == tcp_world::end::over);
        server.echoes.front().io_stream->close(); // the side that closes first keeps TIME_WAIT
        CHECK(client.rest().empty());
    }
    std::string error;
    CHECK(b.world.listen(port, error) != nullptr);
    CHECK(error.empty());
}

TEST_CASE("timers fire in the order of their deadlines, then of arming") {
    bench b;
    std::string fired;
    call_timer late{[&] { fired += "late "; }}, first{[&] { fired += "first "; }}, second{[&] { fired += "second "; }},
        third{[&] { fired += "third "; }};
    b.world.start(late, 2 * traces::millisecond);
    b.world.start(
        first, traces::millisecond); // the world's time stands still until it runs: these are due in the same instant
    b.world.start(second, traces::millisecond);
    b.world.start(third, traces::millisecond);
    traces::nanoseconds const begun = b.world.now();
    CHECK(b.run() == tcp_world::end::nothing_left);
    CHECK(fired == "first second third late ");
    CHECK(b.world.now() >= begun + 2 * traces::millisecond);
}

TEST_CASE("a due timer can still be canceled by one that fires before it") {
    bench b;
    bool fired = false;
    call_timer victim{[&] { fired = true; }};
    call_timer killer{[&] { b.world.cancel(victim); }};
    b.world.start(killer, 0);
    b.world.start(victim, 0);
    CHECK(b.run() == tcp_world::end::nothing_left);
    CHECK_FALSE(fired);
    CHECK_FALSE(victim.armed);
    b.world.cancel(victim);
}

TEST_CASE("a timer armed again is due at its new time only") {
    bench b;
    std::string fired;
    call_timer moved{[&] { fired += "moved "; }}, other{[&] { fired += "other "; }};
    b.world.start(moved, 0);
    b.world.start(other, traces::millisecond);
    b.world.start(moved, 2 * traces::millisecond);
    CHECK(b.run() == tcp_world::end::nothing_left);
    CHECK(fired == "other moved ");
}

TEST_CASE("10,000 timers, every third of them canceled, fire in order") {
    bench b;
    std::vector<int> fired;
    std::deque<call_timer> timers;
    for (int i = 0; i < 10'000; ++i) timers.emplace_back([&fired, i] { fired.push_back(i); });
    auto const delay = [](int i) { return (i * 7919 % 10'000) * traces::nanoseconds{100}; };
    for (int i = 0; i < 10'000; ++i) b.world.start(timers[static_cast<std::size_t>(i)], delay(i));
    for (int i = 0; i < 10'000; i += 3) b.world.cancel(timers[static_cast<std::size_t>(i)]);
    CHECK(b.run() == tcp_world::end::nothing_left);
    CHECK(fired.size() == 6'666);
    CHECK(std::is_sorted(fired.begin(), fired.end(), [&](int x, int y) { return delay(x) < delay(y); }));
}

TEST_CASE("closing a stream withdraws its waits without running them") {
    bench b;
    echo_server server(b);
    peer client(server.accepting->port());
    REQUIRE(b.run([&] { return server.echoes.size() == 1; }) == tcp_world::end::over);
    client.send("too late");
    server.echoes.front().io_stream->close();
    server.accepting->close();
    CHECK(b.run() == tcp_world::end::nothing_left); // the waits count no more
    CHECK_FALSE(server.echoes.front().ended);
}

TEST_CASE("a stream may be destroyed, with the work that waits for it, while its data arrives") {
    bench b;
    echo_server server(b);
    std::deque<peer> clients;
    for (int i = 0; i < 50; ++i) clients.emplace_back(server.accepting->port());
    REQUIRE(b.run([&] { return server.echoes.size() == 50; }) == tcp_world::end::over);
    for (peer& c : clients) c.send("hello");
    // The first stream that is served destroys all others, whose notifications Asio already holds.
    bool done = false;
    char part[16];
    call first{[&] {
        CHECK(server.echoes.front().io_stream->read(part).bytes == 5);
        while (server.echoes.size() > 1) server.echoes.pop_back();
        done = true;
    }};
    server.echoes.front().io_stream->when_readable(first);
    CHECK(b.run([&] { return done; }) == tcp_world::end::over);
    server.echoes.clear();
    server.accepting->close();
    CHECK(b.run() == tcp_world::end::nothing_left);
}

TEST_CASE("reading and writing never block: a full socket returns would_block and reports when it is writable") {
    bench b;
    echo_server server(b);
    peer client(server.accepting->port());
    REQUIRE(b.run([&] { return server.echoes.size() == 1; }) == tcp_world::end::over);
    stream& s = *server.echoes.front().io_stream;
    char part[16];
    CHECK(s.read(part).status == io::would_block);
    std::string const much(1 << 20, 'x');
    std::size_t written = 0;
    io_result put;
    while ((put = s.write(much)).status == io::ok) written += put.bytes;
    CHECK(put.status == io::would_block);
    bool room = false;
    call writable{[&] { room = true; }};
    s.when_writable(writable);
    std::string got(written, '\0');
    CHECK(::recv(client.fd, got.data(), got.size(), MSG_WAITALL) == static_cast<ssize_t>(written));
    CHECK(b.run([&] { return room; }) == tcp_world::end::over);
    CHECK(s.write("more").status == io::ok);
}

TEST_CASE("what was written before shutdown_send arrives, then the end of the stream, and reading goes on") {
    bench b;
    echo_server server(b);
    peer client(server.accepting->port());
    REQUIRE(b.run([&] { return server.echoes.size() == 1; }) == tcp_world::end::over);
    stream& s = *server.echoes.front().io_stream;
    s.write("bye");
    s.shutdown_send();
    CHECK(client.rest() == "bye");
    CHECK(s.write("more").status == io::reset);
    client.send("still here");
    ::shutdown(client.fd, SHUT_WR);
    CHECK(b.run([&] { return server.ended() == 1; }) == tcp_world::end::over);
    CHECK(server.echoes.front().last == io::eof);
}

TEST_CASE("stop and free are called at their points, between two pieces of work") {
    bench b("coroutine.spawn#2", "act.stop#1");
    std::string order;
    auto const spawn = [&](char const* name) {
        b.record.emit(traces::kind::coroutine_spawn, b.record.fresh(traces::entity::coroutine));
        order += name;
        order += b.server.stops ? "(stopped) " : " ";
    };
    call one{[&] { spawn("one"); }}, two{[&] {
        spawn("two");
        spawn("two and a half");
    }},
        three{[&] { spawn("three"); }};
    for (call* c : {&one, &two, &three}) b.world.post(*c);
    CHECK(b.run() == tcp_world::end::nothing_left);
    CHECK(order == "one two two and a half three(stopped) ");
    CHECK(b.server.stops == 1);
    CHECK(b.server.frees == 1);
}

TEST_CASE("a signal calls stop as control:1, and waiting for a signal does not keep the loop running") {
    bench b;
    b.world.stop_on_signals();
    CHECK(b.run() == tcp_world::end::nothing_left);
    std::string error;
    auto keeps_open = b.world.listen(0, error);
    call acceptable{[] {}};
    keeps_open->when_acceptable(acceptable);
    ::raise(SIGTERM);
    CHECK(b.run([&] { return b.server.stops == 1; }) == tcp_world::end::over);
    REQUIRE(b.kept.events.size() == 1);
    CHECK(b.kept.events[0].by == traces::ref{traces::entity::control, 1});
}

TEST_CASE("reading is dated after the sending, and writing before the arrival") {
    bench b;
    echo_server server(b);
    peer client(server.accepting->port());
    REQUIRE(b.run([&] { return server.echoes.size() == 1; }) == tcp_world::end::over);
    stream& s = *server.echoes.front().io_stream;
    traces::nanoseconds sent = 0, read = 0;
    call busy{[&] { // sent after this piece of work began, and read by it
        client.send("x");
        sent = traces::monotonic_now();
        char part[4];
        REQUIRE(s.read(part).bytes == 1);
        read = b.world.now();
        s.write("y");
    }};
    b.world.post(busy);
    server.accepting->close();
    REQUIRE(b.run([&] { return read != 0; }) == tcp_world::end::over);
    CHECK(sent <= read);
    CHECK(read <= traces::monotonic_now());
}

TEST_CASE("die prints the message and aborts") {
    int out[2];
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    pid_t const child = ::fork();
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL); // not Catch's
        ::dup2(out[1], STDERR_FILENO);
        bench b;
        b.world.die("Scope should be empty before disposal");
    }
    ::close(out[1]);
    char text[256];
    std::string said;
    for (ssize_t got; (got = ::read(out[0], text, sizeof text)) > 0;) said.append(text, static_cast<std::size_t>(got));
    ::close(out[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(said == "Scope should be empty before disposal\n");
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
}

TEST_CASE("a world closes all its descriptors") {
    std::size_t const before = open_descriptors();
    {
        bench b;
        echo_server server(b);
        peer one(server.accepting->port()), two(server.accepting->port());
        CHECK(b.run([&] { return server.echoes.size() == 2; }) == tcp_world::end::over);
    }
    CHECK(open_descriptors() == before);
}
