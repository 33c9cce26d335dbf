#include "repro/fingerprint.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;

namespace {

std::string print_of(std::string const& name, std::uint32_t number) {
    traces::trace t;
    traces::event e;
    e.seq = 1;
    e.what = traces::kind::coroutine_spawn;
    e.id = {traces::entity::coroutine, number};
    traces::field const details[] = {{"name", std::string_view(name)}};
    e.detail = details;
    t.append(e);
    traces::violation v;
    v.rule = "coroutine-lost";
    v.subject = e.id;
    v.witness = {1};
    return repro::fingerprint(t, v);
}

} // namespace

TEST_CASE("a fingerprint has no number, port, address or folder in it") {
    CHECK(print_of("handler of GET /1", 5) == print_of("handler of GET /22", 71));
    CHECK(print_of("listener 127.0.0.1:8080", 1) == print_of("listener 10.11.12.13:41234", 2));
    CHECK(print_of("object at 0x7ffdeadbeef0", 1) == print_of("object at 0x55AA12", 1));
    CHECK(print_of("socket /tmp/x-AbCdEf/server.sock", 1) == print_of("socket /run/user/1000/server.sock", 1));
}

TEST_CASE("a fingerprint tells what is different") {
    CHECK(print_of("handler of GET /users/1", 1) != print_of("handler of GET /orders/1", 1));
    CHECK(print_of("handler of GET /users/1", 1) != print_of("handler of POST /users/1", 1));
    CHECK(print_of("socket /tmp/a.sock", 1) != print_of("socket /tmp/b.sock", 1));
    CHECK(print_of("coroutine", 1).find("coroutine-lost coroutine(coroutine): coroutine.spawn") == 0);
}
