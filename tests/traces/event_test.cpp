#include <set>
#include "tests/catch.hpp"
#include "traces/event.hpp"

using namespace shutdown_repro::traces;

TEST_CASE("every kind has a name of its own that leads back to it") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < kind_count; ++i) {
        kind const k = static_cast<kind>(i);
        CHECK(names.insert(name_of(k)).second);
        if (k != kind::other) CHECK(parse_kind(name_of(k)) == k);
    }
}

TEST_CASE("kinds are named as the format names them") {
    CHECK(name_of(kind::server_open) == "server.open");
    CHECK(name_of(kind::act_free) == "act.free");
    CHECK(name_of(kind::scope_open) == "scope.open");
    CHECK(name_of(kind::scope_dispose) == "scope.dispose");
    CHECK(name_of(kind::scope_access) == "scope.access");
    CHECK(name_of(kind::coroutine_spawn) == "coroutine.spawn");
    CHECK(name_of(kind::coroutine_remove) == "coroutine.remove");
    CHECK(name_of(kind::request_begin) == "request.begin");
    CHECK(name_of(kind::connection_close) == "connection.close");
    CHECK(name_of(kind::timer_fire) == "timer.fire");
    CHECK(name_of(kind::listener_wake) == "listener.wake");
    CHECK(name_of(kind::decision) == "decision");
    CHECK(name_of(kind::assertion) == "assert");
    CHECK(name_of(kind::client_connected) == "client.connected");
    CHECK(name_of(kind::process_port) == "process.port");
    CHECK(name_of(kind::process_path) == "process.path");
    CHECK(name_of(kind::process_effect) == "process.effect");
    CHECK(name_of(kind::process_step) == "process.step");
}

TEST_CASE("an unknown kind is not taken for a similar one") {
    for (std::string_view name : {"", "a", "scope", "scope.", "scope.opem", "scope.open ", "scope.opened", "Scope.open",
             "scope_open", "coroutine.spawned", "other", "assertion", "coroutine.resumf"})
        CHECK_FALSE(parse_kind(name));
    // Every name with one letter changed, at positions that the hash reads and at others.
    for (std::size_t i = 0; i < kind_count; ++i) {
        std::string name(name_of(static_cast<kind>(i)));
        for (char& c : name) {
            c ^= 1;
            std::optional<kind> const k = parse_kind(name);
            CHECK((!k || name_of(*k) == name));
            c ^= 1;
        }
    }
}

TEST_CASE("an id is a word and a number and reads back") {
    for (std::size_t i = 1; i < entity_count; ++i)
        for (std::uint32_t number : {0u, 1u, 42u, 4294967295u}) {
            ref const r{static_cast<entity>(i), number};
            CHECK(parse_ref(to_string(r)) == r);
        }
    CHECK(to_string({entity::scope, 2}) == "scope:2");
    CHECK(to_string({}) == "none");
}

TEST_CASE("an id has one spelling only") {
    for (std::string_view text : {"", ":", "scope", "scope:", ":2", "scope:02", "scope:00", "scope:-1", "scope:+1",
             "scope: 2", " scope:2", "scope:2 ", "scope:4294967296", "scope:99999999999999999999999",
             "scope:18446744073709551618", "Scope:2", "sco pe:2", "scope:2:3", "none:0", "scope:2x", "\xC5\xBE:1"})
        CHECK_FALSE(parse_ref(text));
}

TEST_CASE("the id of an entity that this version does not know is of type other") {
    CHECK(parse_ref("worker:3") == ref{entity::other, 3});
    CHECK(parse_ref("io:3") == ref{entity::other, 3});
    CHECK(parse_ref("other:3") == ref{entity::other, 3});
}

TEST_CASE("a detail is found by its key and its type") {
    ref const live[] = {{entity::coroutine, 3}, {entity::coroutine, 5}};
    field const fields[] = {{"refs", 1}, {"object", true}, {"name", "server"}, {"from", ref{entity::coroutine, 7}},
        {"live", std::span<ref const>(live)}};
    event e;
    e.detail = fields;
    CHECK(e.integer("refs") == 1);
    CHECK(e.integer("object") == 1);
    CHECK(e.integer("name", -1) == -1);
    CHECK(e.text("name") == "server");
    CHECK(e.text("refs", "absent") == "absent");
    CHECK(e.id_of("from") == ref{entity::coroutine, 7});
    CHECK_FALSE(e.id_of("name"));
    CHECK(e.ids_of("live").size() == 2);
    CHECK(e.ids_of("from").empty());
    CHECK(e.find("nothing") == nullptr);
}
