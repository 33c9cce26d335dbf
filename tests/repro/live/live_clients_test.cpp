// Tests what clients record of a server that answers, closes, resets or stays silent at a known place. The server is a
// socket in the same thread and the same epoll set, so nothing here depends on time.
#include <arpa/inet.h>
#include <functional>
#include <limits>
#include <map>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include "repro/live/curl_clients.hpp"
#include "repro/live/pipelining_clients.hpp"
#include "tests/catch.hpp"
#include "traces/clock.hpp"
#include "traces/trace.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::repro;

namespace {

// What a scripted server does with a request.
struct reply {
    std::string bytes;
    enum class then : std::uint8_t { stays, fin, reset } next = then::stays;
};
reply const ok{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"};
reply const ok_and_close{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", reply::then::fin};

class scripted_server final : public poller::watcher {
public:
    scripted_server(poller& events, std::function<reply(std::string const& path)> script)
        : events_(events),
          script_(std::move(script)) {
        listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(listening_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
        REQUIRE(::listen(listening_, SOMAXCONN) == 0);
        socklen_t size = sizeof at;
        ::getsockname(listening_, reinterpret_cast<sockaddr*>(&at), &size);
        port = ntohs(at.sin_port);
        events_.watch(listening_, EPOLLIN, *this);
    }
    scripted_server(scripted_server const&) = delete;
    ~scripted_server() {
        stop_listening();
        while (!said_.empty()) end(said_.begin()->first);
    }
    void stop_listening() {
        if (listening_ < 0) return;
        events_.forget(listening_);
        ::close(listening_);
        listening_ = -1;
    }

    std::uint16_t port = 0;
    int accepted = 0;
    std::map<std::string, int> asked; // path: on which connection, by the order of acceptance

private:
    void on_ready(int fd, std::uint32_t) override {
        if (fd == listening_) {
            for (int s; (s = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
                said_[s] = {++accepted, {}};
                events_.watch(s, EPOLLIN, *this);
            }
            return;
        }
        char part[4096];
        ssize_t const got = ::recv(fd, part, sizeof part, 0);
        if (got <= 0) return end(fd);
        auto& [number, text] = said_[fd];
        text.append(part, static_cast<std::size_t>(got));
        for (std::size_t head; (head = text.find("\r\n\r\n")) != text.npos;) {
            std::string const path = text.substr(4, text.find(' ', 4) - 4);
            asked[path] = number;
            text.erase(0, head + 4);
            reply const r = script_(path);
            ::send(fd, r.bytes.data(), r.bytes.size(), MSG_NOSIGNAL);
            if (r.next == reply::then::stays) continue;
            if (r.next == reply::then::reset) {
                linger const at_once{1, 0};
                ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            }
            return end(fd);
        }
    }
    void end(int fd) {
        events_.forget(fd);
        ::close(fd);
        said_.erase(fd);
    }

    poller& events_;
    std::function<reply(std::string const&)> script_;
    int listening_ = -1;
    std::map<int, std::pair<int, std::string>> said_;
};

scenario plan(std::uint32_t requests, std::uint32_t per_connection = 1) {
    scenario s;
    s.scoped().requests = requests;
    s.per_connection = per_connection;
    return s;
}

struct stage {
    explicit stage(std::function<reply(std::string const&)> script) : server(events, std::move(script)) {}

    template <class Clients> void run(scenario const& s) {
        client_surroundings const on{s, server.port, record, clock, events};
        Clients clients(on);
        while (!clients.over()) step(clients);
        CHECK(clients.failure().empty());
    }
    void step(live_clients& clients) {
        events.wait(std::min(clients.next_due(), traces::monotonic_now() + 1000 * traces::millisecond));
        if (clients.next_due() <= traces::monotonic_now()) clients.on_time();
    }
    // "connect connected send:1 receive:1 done:1=200" of one client, or of all of one
    std::string story(std::uint32_t client = 1) const {
        std::string told;
        for (traces::event const& e : seen.events) {
            if (e.id != traces::ref{traces::entity::client, client}) continue;
            CHECK(e.by == e.id);
            if (!told.empty()) told += ' ';
            told += traces::name_of(e.what).substr(7);
            if (traces::ref const about = e.id_of("request")) told += ":" + std::to_string(about.number);
            if (e.find("status")) told += "=" + std::to_string(e.integer("status"));
            if (e.find("how")) told += "=" + std::string(e.text("how")) + "," + std::to_string(e.integer("received"));
        }
        return told;
    }

    poller events;
    traces::trace seen;
    traces::nanoseconds clock = 0;
    traces::recorder record{seen, clock};
    scripted_server server;
};

} // namespace

TEMPLATE_TEST_CASE("a client records its acts and observations in order and with increasing times", "", curl_clients,
    pipelining_clients) {
    stage s([](std::string const&) { return ok; });
    traces::nanoseconds const before = traces::monotonic_now();
    s.run<TestType>(plan(1));
    CHECK(s.story() == "connect connected send:1 receive:1 done:1=200");
    for (traces::nanoseconds last = before; traces::event const& e : s.seen.events) {
        CHECK(e.t >= last);
        last = e.t;
    }
    CHECK(s.seen.events.back().t <= traces::monotonic_now());
    CHECK(s.seen.events[0].integer("port") == s.server.port);
    CHECK(s.seen.events[2].integer("bytes") > 20);
}

TEMPLATE_TEST_CASE("an end of stream without a byte of the response is eof, and a reset is reset", "", curl_clients,
    pipelining_clients) {
    stage s([](std::string const& path) { return reply{"", path == "/1" ? reply::then::fin : reply::then::reset}; });
    s.run<TestType>(plan(2));
    CHECK(s.story(1) == "connect connected send:1 fail:1=eof,0");
    CHECK(s.story(2) == "connect connected send:2 fail:2=reset,0");
}

TEMPLATE_TEST_CASE("a response that ends or is reset before its framing ends is truncated, with what was received", "",
    curl_clients, pipelining_clients) {
    std::string const cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    stage s([&](std::string const& path) { return reply{cut, path == "/1" ? reply::then::fin : reply::then::reset}; });
    s.run<TestType>(plan(2));
    std::string const received = std::to_string(cut.size());
    CHECK(s.story(1) == "connect connected send:1 receive:1 fail:1=truncated," + received);
    CHECK(s.story(2) == "connect connected send:2 receive:2 fail:2=truncated," + received);
}

TEMPLATE_TEST_CASE("a response cut within its first line is truncated", "", curl_clients, pipelining_clients) {
    stage s([](std::string const&) { return reply{"HTTP/1.1 20", reply::then::fin}; });
    s.run<TestType>(plan(1));
    CHECK(s.story() == "connect connected send:1 receive:1 fail:1=truncated,11");
}

TEMPLATE_TEST_CASE("a connection to a closed port is refused", "", curl_clients, pipelining_clients) {
    stage s([](std::string const&) { return ok; });
    s.server.stop_listening();
    s.run<TestType>(plan(1));
    CHECK(s.story() == "connect fail:1=refused,0");
}

TEMPLATE_TEST_CASE(
    "a client that still waits when the runner gives up fails with timeout", "", curl_clients, pipelining_clients) {
    bool asked = false;
    stage s([&](std::string const&) {
        asked = true;
        return reply{};
    });
    scenario const one = plan(1);
    TestType clients({one, s.server.port, s.record, s.clock, s.events});
    while (!asked) s.step(clients);
    CHECK_FALSE(clients.over());
    clients.give_up();
    CHECK(clients.over());
    CHECK(s.story() == "connect connected send:1 fail:1=timeout,0");
}

TEMPLATE_TEST_CASE("each client keeps to its own connection, and its requests to their numbers", "", curl_clients,
    pipelining_clients) {
    stage s([](std::string const&) { return ok; });
    s.run<TestType>(plan(11, 4));
    CHECK(s.server.accepted == 3);
    for (int request = 1; request <= 11; ++request)
        CHECK(s.server.asked["/" + std::to_string(request)] ==
            s.server.asked["/" + std::to_string((request - 1) / 4 * 4 + 1)]);
    CHECK(s.server.asked["/1"] != s.server.asked["/5"]);
    CHECK(s.server.asked["/5"] != s.server.asked["/9"]);
}

TEST_CASE(
    "libcurl's client sends a request after the response to the one before, the pipelining client does not wait") {
    stage sequential([](std::string const&) { return ok; });
    sequential.run<curl_clients>(plan(2, 2));
    CHECK(sequential.story() == "connect connected send:1 receive:1 done:1=200 send:2 receive:2 done:2=200");
    stage pipelined([](std::string const&) { return ok; });
    pipelined.run<pipelining_clients>(plan(2, 2));
    CHECK(pipelined.story() == "connect connected send:1 send:2 receive:1 done:1=200 receive:2 done:2=200");
}

TEMPLATE_TEST_CASE("after an announced close a client sends no more", "", curl_clients, pipelining_clients) {
    stage s([](std::string const&) { return ok_and_close; });
    s.run<TestType>(plan(3, 3));
    CHECK(s.server.accepted == 1);
    CHECK(s.story().ends_with("receive:1 done:1=200"));
}

TEMPLATE_TEST_CASE("a request on a connection that is reset meanwhile is lost, and not retried", "", curl_clients,
    pipelining_clients) {
    stage s([](std::string const& path) { return path == "/1" ? ok : reply{"", reply::then::reset}; });
    s.run<TestType>(plan(3, 3));
    CHECK(s.server.accepted == 1);
    CHECK(s.story().ends_with("fail:2=reset,0"));
}

TEST_CASE("a connection that the server closes while it is idle is closed, not failed") {
    stage s([](std::string const&) { return reply{ok.bytes, reply::then::fin}; });
    s.run<curl_clients>(plan(2, 2));
    CHECK(s.server.accepted == 1);
    // The FIN follows the response at once, and is noticed before or while the second request is sent.
    std::string const story = s.story();
    INFO(story);
    CHECK((story.ends_with("done:1=200 closed") || story.ends_with("send:2 fail:2=eof,0") ||
        story.ends_with("send:2 fail:2=reset,0")));
}

TEMPLATE_TEST_CASE("a thousand clients are served in one loop", "", curl_clients, pipelining_clients) {
    stage s([](std::string const&) { return ok; });
    s.run<TestType>(plan(1000));
    CHECK(std::count_if(s.seen.events.begin(), s.seen.events.end(),
              [](traces::event const& e) { return e.what == traces::kind::client_done; }) == 1000);
    CHECK(s.server.accepted == 1000);
}
