// Tests that the simulated and the real kernel of the reactor keep the same contract.
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include "server_under_test/worlds/poll_world.hpp"
#include "server_under_test/worlds/sim_kernel.hpp"
#include "tests/catch.hpp"
#include "traces/trace.hpp"

using namespace shutdown_repro;
using server::descriptor;
using server::interest;
using server::io;
using server::no_descriptor;
using server::polling_world;
using traces::millisecond;

namespace {

struct default_order final : server::decision_source {
    std::uint32_t choose(std::span<server::alternative const>) override { return 0; }
};

struct kernels {
    traces::trace trace;
    traces::nanoseconds sim_clock = 0, live_clock = 0;
    traces::recorder sim_record{trace, sim_clock}, live_record{trace, live_clock};
    default_order decide;
    server::sim_kernel simulated{sim_record, sim_clock, decide, 3'600'000 * millisecond};
    server::poll_world real{live_record, live_clock, 1};
    template <class test> void each(test const& holds) {
        for (polling_world* w : {static_cast<polling_world*>(&simulated), static_cast<polling_world*>(&real)}) {
            INFO((w == &real ? "the real kernel" : "the simulated kernel"));
            holds(*w);
        }
    }
};

constexpr std::int64_t patience_ms = 20'000; // no test waits that long unless it fails

interest poll_one(polling_world& w, descriptor d, bool read, bool write) {
    interest one[] = {{.on = d, .read = read, .write = write}};
    CHECK(w.poll(one, patience_ms));
    return one[0];
}

struct connection {
    descriptor listening, client, accepted;
    std::uint16_t port;
};

connection connect(polling_world& w) {
    connection c{};
    std::string error;
    c.listening = w.listen(c.port, error);
    REQUIRE(error == "");
    c.client = w.connect(c.port);
    CHECK(poll_one(w, c.client, false, true).writable);
    CHECK(poll_one(w, c.listening, true, false).readable);
    c.accepted = w.accept(c.listening);
    REQUIRE(c.accepted != no_descriptor);
    return c;
}

std::string read_all(polling_world& w, descriptor d) {
    std::string got, part(64, '\0');
    while (poll_one(w, d, true, false).readable) {
        auto const r = w.read(d, part);
        if (r.status != io::ok) break;
        got.append(part, 0, r.bytes);
    }
    return got;
}

} // namespace

TEST_CASE("a later socket has a higher descriptor, even if earlier ones are closed") {
    kernels().each([](polling_world& w) {
        connection const c = connect(w);
        CHECK(c.listening < c.client);
        CHECK(c.client < c.accepted);
        w.close(c.client);
        w.close(c.accepted);
        descriptor const next = w.connect(c.port);
        CHECK(next > c.accepted);
    });
}

TEST_CASE("bytes written at one end are read at the other, and then the end of the stream") {
    kernels().each([](polling_world& w) {
        connection const c = connect(w);
        std::string part(64, '\0');
        CHECK(w.read(c.accepted, part).status == io::would_block);
        CHECK(w.write(c.client, "hello").bytes == 5);
        CHECK(poll_one(w, c.accepted, true, false).readable);
        w.close(c.client);
        CHECK(read_all(w, c.accepted) == "hello");
        CHECK(w.read(c.accepted, part).status == io::eof);
    });
}

TEST_CASE("closing with unread bytes resets the peer, which is always reported") {
    kernels().each([](polling_world& w) {
        connection const c = connect(w);
        w.write(c.client, "nobody reads this");
        CHECK(poll_one(w, c.accepted, true, false).readable);
        w.close(c.accepted);
        CHECK(poll_one(w, c.client, false, false).readable);
        std::string part(64, '\0');
        CHECK(w.read(c.client, part).status == io::reset);
    });
}

TEST_CASE("a connection to a closed port is refused, and the error for a port in use names the port") {
    kernels().each([](polling_world& w) {
        std::uint16_t port = 0;
        std::string error;
        descriptor const listening = w.listen(port, error);
        CHECK(port != 0);
        CHECK(w.listen(port, error) == no_descriptor);
        CHECK(error == "port " + std::to_string(port) + " is in use (127.0.0.1)");
        CHECK(w.accept(listening) == no_descriptor);
        w.close(listening);
        CHECK(w.connect(port) == no_descriptor);
    });
}

TEST_CASE("a poll without a ready handle times out, and time has passed") {
    kernels().each([](polling_world& w) {
        auto const before = w.now();
        std::vector<interest> none;
        CHECK(w.poll(none, 3));
        CHECK(w.now() - before >= 3 * millisecond);
    });
}

TEST_CASE("a signal before or during a poll ends it without a ready handle") {
    kernels k;
    k.real.take_signals();
    k.each([](polling_world& w) {
        connection const c = connect(w);
        CHECK(w.take_signal().number == 0);
        w.send_signal(SIGQUIT, 7);
        w.send_signal(SIGQUIT, 8); // it waits already
        CHECK_FALSE(poll_one(w, c.client, false, true).writable);
        auto const s = w.take_signal();
        CHECK(s.number == SIGQUIT);
        CHECK(s.because == 7);
        CHECK(w.take_signal().number == 0);
        CHECK(poll_one(w, c.client, false, true).writable);
        CHECK(w.take_signal().number == 0);
    });
}

TEST_CASE("a signal of another process is taken, too, without a cause") {
    kernels k;
    k.real.take_signals();
    raise(SIGTERM);
    std::vector<interest> none;
    CHECK(k.real.poll(none, patience_ms));
    auto const s = k.real.take_signal();
    CHECK(s.number == SIGTERM);
    CHECK(s.because == traces::no_seq);
}

TEST_CASE("real sockets are closed on exec and with their world, and the signal mask is restored") {
    auto const ours = [] {
        return std::distance(
            std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
    };
    auto const before = ours();
    {
        kernels k;
        k.real.take_signals();
        connect(k.real);
        CHECK(ours() == before + 4);
        for (auto const& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
            int const number = std::stoi(fd.path().filename().string());
            if (std::filesystem::read_symlink(fd.path()).string().starts_with("socket:"))
                CHECK((fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
        }
    }
    CHECK(ours() == before);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    CHECK_FALSE(sigismember(&blocked, SIGQUIT));
}

TEST_CASE("in the live world decisions are random: every choice occurs, and the seed repeats them") {
    kernels a, b;
    std::vector<server::alternative> const three(3);
    std::vector<std::uint32_t> drawn, again, counts(3);
    for (int i = 0; i < 300; ++i) {
        drawn.push_back(a.real.choose(three).choice);
        again.push_back(b.real.choose(three).choice);
        ++counts.at(drawn.back());
    }
    CHECK(drawn == again);
    for (std::uint32_t const c : counts) CHECK(c > 50);
}
