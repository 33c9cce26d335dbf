#include "tests/catch.hpp"
#include "traces/rules/fingerprint.hpp"

using namespace shutdown_repro;

namespace {

struct prints {
    std::string text;
    std::uint64_t number; // the fingerprint as an exploration computes it
};

prints both_of(std::string const& name, std::uint32_t number) {
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
    traces::fingerprinter saw;
    saw.begin();
    saw.saw(e);
    return {traces::fingerprint(t, v), saw.of(v)};
}

std::string print_of(std::string const& name, std::uint32_t number) { return both_of(name, number).text; }

bool alike(std::string const& a, std::string const& b) {
    prints const x = both_of(a, 1), y = both_of(b, 1);
    CHECK((x.text == y.text) == (x.number == y.number));
    return x.text == y.text;
}

} // namespace

TEST_CASE("a fingerprint has no number, port, address or folder in it") {
    CHECK(print_of("handler of GET /1", 5) == print_of("handler of GET /22", 71));
    CHECK(print_of("listener 127.0.0.1:8080", 1) == print_of("listener 10.11.12.13:41234", 2));
    CHECK(print_of("object at 0x7ffdeadbeef0", 1) == print_of("object at 0x55AA12", 1));
    CHECK(print_of("socket /tmp/x-AbCdEf/server.sock", 1) == print_of("socket /run/user/1000/server.sock", 1));
}

TEST_CASE("an id that every run draws anew is no part of a fingerprint, its letters neither") {
    CHECK(alike("req-3fa9c1", "req-77d0be"));
    CHECK(alike("req-3fa9c1", "req-120934"));
    CHECK(alike("req-b40127", "req-3fa9c1"));
    CHECK(alike("span 9F3A", "span 0B7c"));
    CHECK(alike("550e8400-e29b-41d4-a716-446655440000", "c0ffeeee-abcd-4bad-beef-facefacefac0"));
    CHECK(
        alike("upload_550e8400-e29b-41d4-a716-446655440000.part", "upload_01234567-89ab-cdef-0123-456789abcdef.part"));
    CHECK(alike("client [fe80::1ff:de:ad]:8080", "client [2001:db8::f00]:40022"));
    CHECK(alike("client ::1", "client 2001:db8:0:0:0:ff00:42:8329"));
    CHECK(alike("card 02:42:ac:11:00:0a", "card 5e:ff:56:a2:af:15"));
}

TEST_CASE("a name that is only spelled with hexadecimal digits stays in a fingerprint, whatever its number") {
    CHECK_FALSE(alike("feed", "cafe"));
    CHECK_FALSE(alike("cafe-1", "feed-1"));
    CHECK_FALSE(alike("c1", "d1"));
    CHECK(alike("c9", "c1000"));
    CHECK(alike("node7", "node1234"));
    CHECK_FALSE(alike("bad.c:12:5", "bad.d:12:5"));
    CHECK_FALSE(alike("server::add::fn1", "server::face::fn1"));
    CHECK_FALSE(alike("timer a", "timer a1"));
}

TEST_CASE("different violations have different fingerprints") {
    CHECK(print_of("handler of GET /users/1", 1) != print_of("handler of GET /orders/1", 1));
    CHECK(print_of("handler of GET /users/1", 1) != print_of("handler of POST /users/1", 1));
    CHECK(print_of("socket /tmp/a.sock", 1) != print_of("socket /tmp/b.sock", 1));
    CHECK(print_of("coroutine", 1).find("coroutine-lost coroutine(coroutine): coroutine.spawn") == 0);
}
