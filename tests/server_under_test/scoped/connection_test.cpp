// Tests a connection on a scripted socket.
#include "server_under_test/scoped/connection.hpp"
#include "tests/catch.hpp"
#include "traces/trace.hpp"

using namespace shutdown_repro;
using server::io;

namespace {

struct socket final {
    std::string incoming, sent;
    std::size_t room = 1000; // bytes that a write takes before it would block
    bool peer_closed = false, fin = false, closed = false;
    server::work *readable = nullptr, *writable = nullptr;
};

class scripted_stream final : public server::stream {
public:
    explicit scripted_stream(socket& s) : s_(s) {}
    ~scripted_stream() override { s_.closed = true; }
    server::io_result read(std::span<char> into) override {
        std::size_t const n = s_.incoming.copy(into.data(), into.size());
        s_.incoming.erase(0, n);
        return n ? server::io_result{io::ok, n} : server::io_result{s_.peer_closed ? io::eof : io::would_block, 0};
    }
    server::io_result write(std::string_view bytes) override {
        std::size_t const n = std::min(s_.room, bytes.size());
        s_.room -= n;
        s_.sent += bytes.substr(0, n);
        return n ? server::io_result{io::ok, n} : server::io_result{io::would_block, 0};
    }
    void when_readable(server::work& w) override { s_.readable = &w; }
    void when_writable(server::work& w) override { s_.writable = &w; }
    void shutdown_send() override { s_.fin = true; }
    void close() override { s_.closed = true; }

private:
    socket& s_;
};

class no_world final : public server::world {
public:
    using world::world;
    traces::nanoseconds now() const override { return 0; }
    void start(server::timer&, traces::nanoseconds) override {}
    void cancel(server::timer&) override {}
    std::unique_ptr<server::listener> listen(std::uint16_t, std::string&) override { return nullptr; }
    void die(std::string_view) override {}
};

struct stand final : server::connection_owner {
    traces::nanoseconds clock = 0;
    traces::trace seen;
    traces::recorder record{seen, clock};
    no_world world{record};
    socket wire;
    std::vector<std::uint32_t> requests;
    int flushed = 0;
    server::connection under_test{
        world, *this, std::make_unique<scripted_stream>(wire), {traces::entity::connection, 1}};

    void on_request(server::connection&, std::uint32_t number) override { requests.push_back(number); }
    bool closes_after_response() const override { return false; }
    void on_flushed(server::connection&) override { ++flushed; }
    void arrive(std::string_view bytes) {
        wire.incoming += bytes;
        under_test.read();
    }
    void run_ready() {
        while (server::work* w = world.ready.pop()) w->run(*w);
    }
};

constexpr char get_1[] = "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n", get_2[] = "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n";

} // namespace

TEST_CASE("a response that does not fit is unsent until the socket takes the rest") {
    stand s;
    s.arrive(get_1);
    s.wire.room = 10;
    s.under_test.respond(200);
    CHECK(s.under_test.unsent());
    CHECK(s.flushed == 0);
    s.wire.room = 1000;
    REQUIRE(s.wire.writable);
    s.wire.writable->run(*s.wire.writable);
    CHECK_FALSE(s.under_test.unsent());
    CHECK(s.flushed == 1);
    CHECK(s.wire.sent.ends_with("OK\n"));
}

TEST_CASE("a pipelined request waits until the one before is handled") {
    stand s;
    s.arrive(std::string(get_1) + get_2);
    CHECK(s.requests == std::vector<std::uint32_t>{1});
    s.under_test.respond(200);
    s.under_test.handled();
    s.run_ready();
    CHECK(s.requests == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("a head that comes in pieces is one request") {
    stand s;
    for (char c : std::string_view(get_1)) s.arrive({&c, 1});
    CHECK(s.requests == std::vector<std::uint32_t>{1});
}

TEST_CASE("a request that is not HTTP gets 400 and a close, an unknown path 404") {
    stand bad, unknown;
    bad.arrive("\x01\x02 nonsense\r\n\r\n");
    CHECK(bad.wire.sent.starts_with("HTTP/1.1 400 "));
    CHECK(bad.wire.closed);
    unknown.arrive("GET /favicon.ico HTTP/1.1\r\n\r\n");
    CHECK(unknown.wire.sent.starts_with("HTTP/1.1 404 "));
    CHECK(unknown.requests.empty());
}

TEST_CASE("an idle connection closes with its peer") {
    stand s;
    s.wire.peer_closed = true;
    s.arrive("");
    CHECK_FALSE(s.under_test.open());
    CHECK(s.wire.closed);
}
