#include <nlohmann/json.hpp>
#include "server_under_test/scopes/cell.hpp"
#include "server_under_test/scopes/config.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro;
using nlohmann::json;

namespace {

template <class enumeration, class parse> void every_word_is_read_back(parse parse_one) {
    auto const words = server::words<enumeration>();
    for (std::size_t i = 0; i < words.size(); ++i) {
        INFO(words[i]);
        CHECK(name_of(static_cast<enumeration>(i)) == words[i]);
        CHECK(parse_one(words[i]) == static_cast<enumeration>(i));
    }
    CHECK_FALSE(parse_one("nonsense"));
    CHECK_FALSE(parse_one(""));
}

} // namespace

TEST_CASE("every word of a scenario is read as the value that it names") {
    every_word_is_read_back<server::act>(server::parse_act);
    every_word_is_read_back<server::policy>(server::parse_policy);
    every_word_is_read_back<server::placement>(server::parse_placement);
    every_word_is_read_back<server::owner>(server::parse_owner);
    every_word_is_read_back<server::attach>(server::parse_attach);
    every_word_is_read_back<server::sequence>(server::parse_sequence);
}

TEST_CASE("the words have the meaning that the measured cells and the policies give them") {
    CHECK(name_of(server::act::spawn_on_cancel) == "spawn_on_cancel");
    CHECK(name_of(server::act::hook_park) == "hook_park");
    CHECK(name_of(server::policy::upstream_fix) == "upstream-fix");
    CHECK(name_of(server::owner::extra) == "extra");
    CHECK(name_of(server::sequence::dat_cancel_wait_free) == "dat_cancel_wait_free");
}

TEST_CASE("a config arrives unchanged in the process of the server") {
    server::config c;
    c.shutdown = server::policy::upstream_fix;
    c.handlers = {{.does = server::act::cleanup, .delay_ms = 7, .calls_stop = true, .calls_free = true},
        {.does = server::act::spawn}};
    c.requests = 9;
    c.together = false;
    c.place = server::placement::direct;
    c.connection_scope = true;
    c.safe = true;
    c.holds = server::owner::extra;
    c.listener = server::attach::stop;
    c.grace_ms = 0;
    c.stop_at = "server.ready#1";
    c.free_at = "never";
    c.port = 8080;

    auto const document = server::to_json(c);
    CHECK(document.dump() ==
        R"({"policy":"upstream-fix","requests":9,"handlers":[{"act":"cleanup","delay":7,"calls":["stop","free"]},{"act":"spawn"}],)"
        R"("together":false,"place":"direct","connection_scope":true,"safe":true,"owner":"extra","listener":"stop","grace":0,)"
        R"("stop":"server.ready#1","free":"never","port":8080})");
    auto const back = server::config_from_json(json::parse(document.dump()));
    CHECK(server::to_json(back) == document);
    CHECK(back.handlers[0].delay_ms == 7);
    CHECK_FALSE(back.handlers[1].delay_ms);
}

TEST_CASE("a field that is missing keeps its default") {
    CHECK(server::to_json(server::config_from_json(json::object())) == server::to_json(server::config{}));
}

TEST_CASE("an unknown word is refused") {
    CHECK_THROWS_WITH(server::config_from_json(json{{"policy", "draned"}}), R"("policy" can't be "draned")");
    CHECK_THROWS(server::config_from_json(json{{"handlers", json::array()}}));
    CHECK_THROWS(server::config_from_json(json{{"handlers", {{{"act", 3}}}}}));
}

TEST_CASE("the last handler serves every further request") {
    server::config c;
    c.handlers = {{.does = server::act::done}, {.does = server::act::forever}};
    CHECK(c.handler(1).does == server::act::done);
    CHECK(c.handler(2).does == server::act::forever);
    CHECK(c.handler(10'000).does == server::act::forever);
}
