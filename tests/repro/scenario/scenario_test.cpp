#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include "repro/input/errors.hpp"
#include "repro/scenario/scenario.hpp"
#include "tests/catch.hpp"

using Catch::Matchers::StartsWith;
using namespace shutdown_repro;
using namespace shutdown_repro::repro;

namespace {

// Returns the error for a scenario file that is valid except for this line.
std::string complaint(std::string const& line, std::string const& server = "scoped") {
    std::string const text = "{\n  \"scenario\": \"mine\",\n  \"server\": \"" + server + "\",\n" +
        (server == "scoped" ? "  \"stop\": \"server.ready#1\",\n" : "  \"safe\": true,\n") + "  " + line + "\n}\n";
    try {
        scenario_from_text(text, "mine.json");
    } catch (input_error const& e) { return e.what(); }
    return "none";
}

std::string set_complaint(std::string_view key, std::string_view value) {
    scenario s = load_scenario("scope-disposal");
    try {
        set_field(s, key, value);
    } catch (input_error const& e) {
        CHECK(e.exit_status == 2);
        CHECK(to_json_text(s) == to_json_text(load_scenario("scope-disposal")));
        return e.what();
    }
    return "none";
}

} // namespace

TEST_CASE("the scenario of the report is built in with the parameters of the report") {
    CHECK(to_json_text(load_scenario("scope-disposal")) ==
        R"({"scenario":"scope-disposal","summary":"a failing handler has its own scope disposed under it","server":"scoped",)"
        R"("policy":"as-reported","requests":2,"handlers":[{"act":"park","delay":60,"calls":["stop"]},{"act":"throw_cancel","delay":120}],)"
        R"("together":true,"place":"child","connection_scope":false,"safe":false,"owner":"owns","listener":"stop","grace":5000,)"
        R"("stop":"handler","free":"server.stopped#1","port":0,"per_connection":1,"pipelined":false})");
    scenario const on_free = load_scenario("scope-disposal-on-free");
    CHECK(on_free.scoped().handlers[1].does == server::act::park);
    CHECK(on_free.scoped().listener == server::attach::start);
}

TEST_CASE("every built-in scenario passes the checks of a file and is the same when read back") {
    for (scenario const& s : builtin_scenarios()) {
        INFO(s.name);
        std::string const text = to_json_text(s);
        CHECK(to_json_text(scenario_from_text(text, "copy.json")) == text);
        CHECK(text.find('\n') == text.npos);
        CHECK_FALSE(s.summary.empty());
        CHECK(s.summary.size() <= 56); // a line of `list scenarios`
    }
}

TEST_CASE("a scenario with nothing at its default is the same when read back") {
    std::string const scoped =
        R"({"scenario":"all","summary":"every field, é","server":"scoped","policy":"drained","requests":3,)"
        R"("handlers":[{"act":"hook_park","delay":0,"calls":["stop","free"]},{"act":"forever"}],"together":false,"place":"direct",)"
        R"("connection_scope":true,"safe":true,"owner":"extra","listener":"stop","grace":0,"stop":"handler,server.ready#2",)"
        R"("free":"handler","port":65535,"per_connection":3,"pipelined":true})";
    CHECK(to_json_text(scenario_from_text(scoped, "all.json")) == scoped);
    std::string const scopes =
        R"({"scenario":"cell","summary":"","server":"scopes","acts":["done","spawn_on_cancel","unstarted"],"place":"direct",)"
        R"("safe":true,"owner":"extra","parent":"none","end":"shutdown","sequence":"dat_cancel_wait_spawn"})";
    CHECK(to_json_text(scenario_from_text(scopes, "cell.json")) == scopes);
}

TEST_CASE("a scenario file says only what differs from the default") {
    scenario const s = scenario_from_text(R"({"scenario": "short", "stop": "server.ready#1"})", "short.json");
    scenario expected;
    expected.name = "short";
    expected.scoped().stop_at = "server.ready#1";
    CHECK(to_json_text(s) == to_json_text(expected));
    CHECK(scenario_from_text(R"({"scenario": "cell", "server": "scopes"})", "cell.json").cell().acts.size() == 2);
}

TEST_CASE("the scenario file in the README is valid") {
    std::ostringstream readme;
    readme << std::ifstream(SOURCE_DIR "/README.md").rdbuf();
    std::string const text = readme.str();
    auto const begin = text.find("\n    {\n"), end = text.find("\n    }\n", begin);
    REQUIRE(end != text.npos);
    CHECK(scenario_from_text(text.substr(begin, end + 7 - begin), "README.md").name == "late-free");
}

TEST_CASE("the nearest name is suggested for an unknown scenario") {
    CHECK_THROWS_WITH(load_scenario("scope-disposl"),
        "unknown scenario \"scope-disposl\"; did you mean \"scope-disposal\"? (list scenarios)");
    CHECK_THROWS_WITH(load_scenario("nginx"), "unknown scenario \"nginx\" (list scenarios)");
    CHECK_THROWS_WITH(load_scenario("nowhere.json"), "cannot read nowhere.json: No such file or directory");
    CHECK_THROWS_WITH(load_scenario("./scope-disposal"), "cannot read ./scope-disposal: No such file or directory");
}

TEST_CASE("the error for a wrong field of a scenario file names file, line and expected value") {
    CHECK(complaint(R"("grace": 10)") == "none");
    CHECK(complaint(R"("grace": "lots")") == "mine.json:5: \"grace\" must be a number of milliseconds, not \"lots\"");
    CHECK(complaint(R"("grace": -1)") ==
        "mine.json:5: \"grace\" must be a number of milliseconds from 0 to 86400000, not -1");
    CHECK(complaint(R"("graze": 10)") == "mine.json:5: unknown field \"graze\"; did you mean \"grace\"?");
    CHECK(
        complaint(R"("policy": "draned")") == "mine.json:5: \"policy\" can't be \"draned\"; did you mean \"drained\"?");
    CHECK(complaint(R"("place": "none")") == "mine.json:5: \"place\" can't be \"none\": one of \"child\", \"direct\"");
    CHECK(complaint(R"("together": "yes")") == "mine.json:5: \"together\" must be true or false, not \"yes\"");
    CHECK(complaint(R"("requests": 0)") == "mine.json:5: \"requests\" must be a number from 1 to 1000000, not 0");
    CHECK(complaint(R"("requests": 1000001)") ==
        "mine.json:5: \"requests\" must be a number from 1 to 1000000, not 1000001");
    CHECK(complaint(R"("port": 65536)") == "mine.json:5: \"port\" must be a port number from 0 to 65535, not 65536");
    CHECK(complaint(R"("free": "server.stoped#1")") ==
        "mine.json:5: \"free\" is not valid: \"server.stoped#1\" is not a stop point: a stop point is KIND#N "
        "(coroutine.suspend#2), handler, any or never; "
        "did you mean \"server.stopped\"?");
    CHECK(complaint(R"("free": 3)") == "mine.json:5: \"free\" must be stop points, such as \"request.begin#2\", not 3");
}

TEST_CASE("the error for a wrong handler of a scenario file names its number") {
    CHECK(complaint("\"handlers\": [\n{\"act\": \"park\"},\n{\"act\": \"park\", \"delay\": -5}]") ==
        "mine.json:7: \"handlers.2.delay\" must be a number of milliseconds from 0 to 86400000, not -5");
    CHECK(complaint("\"handlers\": [{\"act\":\n\"clean\"}]") ==
        "mine.json:6: \"handlers.1.act\" can't be \"clean\": one of \"park\", \"done\", \"forever\", "
        "\"unstarted\", \"throw_resume\", \"throw_cancel\", \"cleanup\", \"spawn\", "
        "\"spawn_on_cancel\", \"spawn_throw\", \"hook_park\"");
    CHECK(complaint(R"("handlers": [{"actt": "park"}])") ==
        "mine.json:5: unknown field \"handlers.1.actt\"; did you mean \"act\"?");
    CHECK(complaint(R"("handlers": [])") == "mine.json:5: \"handlers\" must have 1 to 10000 items, has 0");
    CHECK(complaint(R"("handlers": "park")") == "mine.json:5: \"handlers\" must be a list of handlers, not \"park\"");
    CHECK(complaint(R"("handlers": ["park"])") ==
        "mine.json:5: \"handlers.1\" must be a handler, such as {\"act\": \"park\"}, not \"park\"");
    CHECK(complaint(R"("handlers": [{"calls": ["halt"]}])") ==
        "mine.json:5: \"handlers.1.calls.1\" can't be \"halt\": one of \"stop\", \"free\"");
    CHECK(complaint(R"("handlers": [{"calls": "stop"}])") ==
        "mine.json:5: \"handlers.1.calls\" must be a list of \"stop\" and \"free\", not \"stop\"");
}

TEST_CASE("a scenario of scopes only has its own fields") {
    CHECK(complaint(R"("sequence": "late_free")", "scopes") == "none");
    CHECK(complaint(R"("sequence": "late_fre")", "scopes") ==
        "mine.json:5: \"sequence\" can't be \"late_fre\"; did you mean \"late_free\"?");
    CHECK(complaint(R"("grace": 10)", "scopes") ==
        "mine.json:5: \"grace\" is a field of the server \"scoped\", but the server is \"scopes\"");
    CHECK(complaint(R"("sequence": "free")") ==
        "mine.json:5: \"sequence\" is a field of the server \"scopes\", but the server is \"scoped\"");
    CHECK(complaint(R"("acts": ["park", "prak"])", "scopes") ==
        "mine.json:5: \"acts.2\" can't be \"prak\"; did you mean \"park\"?");
    CHECK(complaint(R"("parent": "R1")", "scopes") ==
        "mine.json:5: \"parent\" can't be \"R1\": one of \"main\", \"none\"");
    CHECK(
        complaint(R"("end": true)", "scopes") == "mine.json:5: \"end\" must be one of \"run\", \"shutdown\", not true");
    CHECK_THAT(complaint(R"("grace": 10)", "prefork"), StartsWith("mine.json:3: \"server\" can't be \"prefork\""));
}

TEST_CASE("a stop that is left to a handler that does not call it is an error, not a hang") {
    CHECK_THROWS_WITH(scenario_from_text("{\"scenario\": \"x\"}", "x.json"),
        "x.json:1: the document leaves \"stop\" to a handler, but none that serves a request has \"calls\": "
        "[\"stop\"]; name a stop point in "
        "\"stop\" (\"server.ready#1\", or \"never\")");
    CHECK_THAT(complaint(R"("free": "handler")"), StartsWith("mine.json:5: \"free\" leaves \"free\" to a handler"));
    CHECK_THAT(complaint(R"("free": "server.stopped#1,handler")"),
        StartsWith("mine.json:5: \"free\" leaves \"free\" to a handler"));
    std::string const third = R"("free": "handler", "handlers": [{}, {}, {"calls": ["free"]}])";
    CHECK_THAT(complaint(third), StartsWith("mine.json:5: \"free\" leaves"));
    CHECK(complaint(third + R"(, "requests": 3)") == "none");
}

TEST_CASE("a scenario's name can't lead to another folder and its summary can't move the cursor") {
    for (std::string const name :
        {"../../etc/passwd", "a/b", "", ".hidden", "-f", "a b", "\\u001b[2J", "a\\u0000", "\xc3\xa9"}) {
        INFO(name);
        CHECK_THROWS_WITH(scenario_from_text("{\"scenario\": \"" + name + "\", \"stop\": \"never\"}", "x.json"),
            StartsWith("x.json:1: \"scenario\" must be a name of up to 64 letters"));
    }
    CHECK_THAT(complaint(R"("summary": "\u001b[2J")"), StartsWith("mine.json:5: \"summary\" must be one line of text"));
    CHECK_THAT(
        complaint(R"("summary": "two\nlines")"), StartsWith("mine.json:5: \"summary\" must be one line of text"));
    CHECK_THROWS_WITH(
        scenario_from_text(R"({"stop": "never"})", "x.json"), "x.json:1: the document has no \"scenario\", its name");
}

TEST_CASE("any scenario file is read, or refused with the name of the file") {
    char const* const values[] = {"null", "true", "-1", "0", "1e300", "18446744073709551616", "\"\"", "\"\\u0000\"",
        "[]", "[[]]", "{}", "{\"a\":1}", "[null]", "[{\"act\":null}]"};
    char const* const fields[] = {"scenario", "summary", "server", "policy", "requests", "handlers", "together",
        "place", "connection_scope", "safe", "owner", "listener", "grace", "stop", "free", "port", "per_connection",
        "pipelined", "acts", "parent", "end", "sequence", ""};
    int refused = 0;
    for (std::string const field : fields)
        for (std::string const value : values)
            for (std::string const server : {"scoped", "scopes"}) {
                std::string const text = "{\"" + field + "\": " + value +
                    (field == "scenario" ? "" : ", \"scenario\": \"x\"") +
                    (field == "server" ? "" : ", \"server\": \"" + server + "\"") +
                    (field == "stop" || server == "scopes" ? "" : ", \"stop\": \"never\"") + "}";
                INFO(text);
                try {
                    scenario const s = scenario_from_text(text, "x.json");
                    CHECK(to_json_text(scenario_from_text(to_json_text(s), "again.json")) == to_json_text(s));
                } catch (input_error const& e) {
                    ++refused;
                    CHECK_THAT(e.what(), StartsWith("x.json:1: "));
                }
            }
    CHECK(refused > 500);
    for (char const* const text : {"[]", "null", "3", "\"scope-disposal\"", "{}"})
        CHECK_THROWS_AS(scenario_from_text(text, "x.json"), input_error);
}

TEST_CASE("a field set on the command line changes that field, by its path") {
    scenario s = load_scenario("scope-disposal");
    set_field(s, "owner", "extra");
    set_field(s, "grace", "0");
    set_field(s, "safe", "true");
    set_field(s, "requests", "10000");
    set_field(s, "handlers.2.act", "cleanup");
    set_field(s, "handlers.2.calls", R"(["free"])");
    set_field(s, "handlers.1.delay", "7");
    set_field(s, "free", "handler");
    set_field(s, "pipelined", "true");
    CHECK(s.scoped().holds == server::owner::extra);
    CHECK(s.scoped().grace_ms == 0);
    CHECK(s.scoped().safe);
    CHECK(s.scoped().requests == 10'000);
    CHECK(s.scoped().handlers[1].does == server::act::cleanup);
    CHECK(s.scoped().handlers[1].calls_free);
    CHECK(s.scoped().handlers[0].delay_ms == 7);
    CHECK(s.scoped().handlers[0].calls_stop);
    CHECK(s.scoped().free_at == "handler");
    CHECK(s.pipelined);
    CHECK(s.scoped().handler(10'000).does == server::act::cleanup);

    set_field(s, "handlers", R"([{"act": "park", "calls": ["stop", "free"]}])");
    CHECK(s.scoped().handlers.size() == 1);
}

TEST_CASE("a field set on the command line is checked like a file, and the error names it") {
    CHECK(set_complaint("grace", "lots") == "--set grace: \"grace\" must be a number of milliseconds, not \"lots\"");
    CHECK(set_complaint("graze", "1") == "--set graze: unknown field \"graze\"; did you mean \"grace\"?");
    CHECK(set_complaint("handlers.2.act", "parc") ==
        "--set handlers.2.act: \"handlers.2.act\" can't be \"parc\"; did you mean \"park\"?");
    CHECK(set_complaint("handlers.3.act", "park") == "--set handlers.3.act: \"handlers\" has items 1 to 2, not \"3\"");
    CHECK(set_complaint("handlers.0.act", "park") == "--set handlers.0.act: \"handlers\" has items 1 to 2, not \"0\"");
    CHECK(set_complaint("handlers.x.act", "park") == "--set handlers.x.act: \"handlers\" has items 1 to 2, not \"x\"");
    CHECK(set_complaint("grace.x", "1") == "--set grace.x: \"grace\" has no field \"x\"");
    CHECK(set_complaint("", "1") == "--set : a scenario has no field \"\"");
    CHECK_THAT(set_complaint("handlers.1.calls", "[]"),
        StartsWith("--set handlers.1.calls: \"stop\" leaves \"stop\" to a handler"));
    CHECK_THAT(set_complaint("sequence", "free"), ContainsSubstring("is a field of the server \"scopes\""));
    CHECK_THAT(set_complaint("server", "scopes"), ContainsSubstring("can't be changed"));
    CHECK_THAT(set_complaint("summary", "\xff"), ContainsSubstring("not UTF-8"));
    CHECK_THAT(
        set_complaint("handlers", std::string(1000, '[') + std::string(1000, ']')), ContainsSubstring("nested deeper"));
    CHECK_THAT(set_complaint("handlers.1", R"({"act":"park","act":"done"})"), ContainsSubstring("given twice"));
    for (char const* const key :
        {".", "handlers.", "handlers..act", ".grace", "handlers.1.act.x.y", "handlers.99999999999999999999.act"})
        CHECK(set_complaint(key, "1") != "none");
}
