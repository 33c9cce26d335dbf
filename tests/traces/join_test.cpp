#include "tests/catch.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/join.hpp"

using namespace shutdown_repro;
using traces::entity;
using traces::kind;

namespace {

struct writer {
    explicit writer(entity who) : type(who) {}
    writer& at(traces::nanoseconds time, kind what, traces::ref id, std::initializer_list<traces::field> detail = {},
        std::initializer_list<traces::seq_t> because = {}) {
        traces::event e;
        e.seq = next++;
        e.t = time;
        e.what = what;
        e.id = id;
        e.detail = {detail.begin(), detail.size()};
        e.because = {because.begin(), because.size()};
        written.append(e);
        return *this;
    }
    entity type;
    traces::seq_t next = 0;
    traces::trace written;
};

traces::ref request(std::uint32_t n) { return {entity::request, n}; }
traces::ref client(std::uint32_t n) { return {entity::client, n}; }
traces::ref const server_1{entity::server, 1};

std::string kinds(traces::trace const& t) {
    std::string all;
    for (traces::event const& e : t.events) all += (all.empty() ? "" : " ") + std::string(traces::name_of(e.what));
    return all;
}

} // namespace

TEST_CASE("two traces are merged by time, the server's first where times are equal, and numbered from 0") {
    writer server(entity::server), seen(entity::client);
    server.at(10, kind::server_open, server_1)
        .at(30, kind::server_ready, server_1)
        .at(50, kind::server_stopped, server_1);
    seen.at(5, kind::process_start, {entity::process, 1})
        .at(30, kind::client_connect, client(1))
        .at(60, kind::process_exit, {entity::process, 1});
    traces::trace const all = traces::join(server.written, seen.written);
    CHECK(kinds(all) == "process.start server.open server.ready client.connect server.stopped process.exit");
    for (std::size_t i = 0; i < all.events.size(); ++i) CHECK(all.events[i].seq == i);
    CHECK_FALSE(all.foot);
}

TEST_CASE("causes keep pointing at the events that they pointed at") {
    writer server(entity::server), seen(entity::client);
    server.at(10, kind::act_stop, server_1)
        .at(20, kind::server_close, server_1, {}, {0})
        .at(40, kind::server_stopped, server_1, {}, {1, 0});
    seen.at(5, kind::client_connect, client(1))
        .at(15, kind::client_connected, client(1))
        .at(25, kind::client_closed, client(1), {}, {1});
    traces::trace const all = traces::join(server.written, seen.written);
    REQUIRE(all.events.size() == 6);
    auto const because = [&](std::size_t i) {
        return std::vector<traces::seq_t>(all.events[i].because.begin(), all.events[i].because.end());
    };
    CHECK(because(3) == std::vector<traces::seq_t>{1});
    CHECK(because(4) == std::vector<traces::seq_t>{2});
    CHECK(because(5) == std::vector<traces::seq_t>{3, 1});
}

TEST_CASE("a cause that the server's trace lost is left out") {
    writer server(entity::server);
    server.next = 7;
    server.at(10, kind::server_close, server_1, {}, {3}).at(20, kind::server_stopped, server_1, {}, {7});
    traces::trace const all = traces::join(server.written, {});
    CHECK(all.events[0].because.empty());
    REQUIRE(all.events[1].because.size() == 1);
    CHECK(all.events[1].because[0] == 0);
}

TEST_CASE("a request begins because it was sent, and its response is received because it was given") {
    writer server(entity::server), seen(entity::client);
    server.at(20, kind::request_begin, request(1)).at(30, kind::request_respond, request(1), {}, {0});
    seen.at(10, kind::client_send, client(1), {{"request", request(1)}})
        .at(40, kind::client_receive, client(1), {{"request", request(1)}});
    traces::trace const all = traces::join(server.written, seen.written);
    REQUIRE(kinds(all) == "client.send request.begin request.respond client.receive");
    CHECK(all.events[1].because[0] == 0);
    CHECK(all.events[3].because[0] == 2);
}

TEST_CASE("no effect comes before its cause, even where the times say so, and times never go back") {
    writer server(entity::server), seen(entity::client);
    server.at(20, kind::request_begin, request(1))
        .at(21, kind::request_begin, request(2))
        .at(90, kind::request_respond, request(2));
    seen.at(30, kind::client_send, client(1), {{"request", request(1)}})
        .at(40, kind::client_send, client(2), {{"request", request(2)}})
        .at(50, kind::client_receive, client(2), {{"request", request(2)}});
    traces::trace const all = traces::join(server.written, seen.written);
    CHECK(kinds(all) == "client.send request.begin client.send request.begin request.respond client.receive");
    for (std::size_t i = 1; i < all.events.size(); ++i) CHECK(all.events[i].t >= all.events[i - 1].t);
}

TEST_CASE("traces that contradict each other are still joined to the end") {
    writer server(entity::server), seen(entity::client);
    server.at(10, kind::request_begin, request(1)).at(20, kind::request_respond, request(1));
    seen.at(10, kind::client_receive, client(1), {{"request", request(1)}})
        .at(20, kind::client_send, client(1), {{"request", request(1)}});
    CHECK(traces::join(server.written, seen.written).events.size() == 4);
}

TEST_CASE("the joined trace has the problems of both traces") {
    writer server(entity::server), seen(entity::client);
    server.written.problems = {"line 7 is torn"};
    seen.written.problems = {"lost sight"};
    CHECK(traces::join(server.written, seen.written).problems ==
        std::vector<std::string>{"line 7 is torn", "lost sight"});
    CHECK(traces::join({}, {}).events.empty());
}
