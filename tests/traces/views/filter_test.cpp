// Tests the filter language of inspect with traces made by hand.
#include "tests/catch.hpp"
#include "tests/traces/story.hpp"
#include "traces/views/filter.hpp"

using namespace shutdown_repro::traces;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

trace const& sample() {
    static trace const t = [] {
        story s;
        s.now = 5'000'000; // a trace need not begin at time 0
        s.tell("server.open", "server:1");
        s.tell("scope.open", "scope:1");
        s.now += 1'000'000;
        s.tell("scope.open", "scope:2", {}, "scope:1");
        s.tell("coroutine.spawn", "coroutine:1", {}, "scope:2");
        s.tell("scope.open", "scope:3", {}, "scope:1", "coroutine:1");
        s.now += 1'000'500;
        s.tell("coroutine.spawn", "coroutine:2", {}, "scope:3", "coroutine:1");
        s.tell("coroutine.finish", "coroutine:1", {}, {}, "coroutine:1");
        s.tell("coroutine.cancel", "coroutine:2", {}, {}, "control:1");
        return std::move(s.told);
    }();
    return t;
}

std::string fitting(std::string_view expression) {
    filter f(expression);
    std::string out;
    for (event const& e : sample().events)
        if (f.fits(e)) out += std::to_string(e.seq);
    return out;
}

std::string complaint(std::string_view expression) {
    try {
        filter const f(expression);
    } catch (filter_error const& e) { return e.what(); }
    return "none";
}

} // namespace

TEST_CASE("an empty filter selects every event") {
    filter f;
    for (event const& e : sample().events) CHECK(f.fits(e));
}

TEST_CASE("a kind is given by its name or a glob") {
    CHECK(fitting("scope.open") == "124");
    CHECK(fitting("scope.*") == "124");
    CHECK(fitting("kind *.open") == "0124");
    CHECK(fitting("coroutine.?pawn") == "35");
    CHECK(fitting("*") == "01234567");
    CHECK(fitting("scope") == "");
}

TEST_CASE("a filter selects events by subject and by actor") {
    CHECK(fitting("coroutine:1") == "36");
    CHECK(fitting("id coroutine:*") == "3567");
    CHECK(fitting("scope:?") == "124");
    CHECK(fitting("by coroutine:1") == "456");
    CHECK(fitting("by control:*") == "7");
    CHECK(fitting("by *:*") == "4567"); // any event with an actor
}

TEST_CASE("a subtree contains what was opened in it, and all of its events") {
    CHECK(fitting("under scope:2") == "236");
    CHECK(fitting("under scope:1") == "1234567");
    CHECK(fitting("under scope:3 and not under scope:2") == "457");
    CHECK(fitting("coroutine.* and under scope:1") == "3567"); // "under" follows events that the other operand rejects
}

TEST_CASE("ranges of numbers and of time, with either end left out") {
    CHECK(fitting("seq 2..4") == "234");
    CHECK(fitting("seq #2..#4") == "234");
    CHECK(fitting("seq ..1") == "01");
    CHECK(fitting("seq 6..") == "67");
    CHECK(fitting("seq 3") == "3");
    CHECK(fitting("time 1..2") == "234567"); // times have the precision of the views: 2.0005 is shown as 2.000
    CHECK(fitting("time ..0.5") == "01");
    CHECK(fitting("time 1.5..") == "567");
}

TEST_CASE("not binds closer than and, and closer than or, parentheses change that") {
    CHECK(fitting("seq 0 or seq 1 and seq 2") == "0");
    CHECK(fitting("(seq 0 or seq 1) and seq 1") == "1");
    CHECK(fitting("not seq 0 and not seq 1") == "234567");
    CHECK(fitting("not (seq 0 or seq 1)") == "234567");
    CHECK(fitting("not not seq 0") == "0");
    CHECK(fitting(" ( scope.* )and(by coroutine:*) ") == "4");
}

TEST_CASE("an error in an expression is reported with its column") {
    CHECK_THAT(complaint(""), StartsWith("column 1: expected a kind such as scope.*"));
    CHECK_THAT(complaint("scope.* and"), StartsWith("column 12: expected a kind") && EndsWith("found the end"));
    CHECK_THAT(complaint("scope.* scope:1"), StartsWith("column 9: expected \"and\" or \"or\" before \"scope:1\""));
    CHECK_THAT(complaint("(scope.*"), StartsWith("column 9: expected \")\""));
    CHECK_THAT(complaint("scope.*)"), StartsWith("column 8: no ( is open"));
    CHECK_THAT(complaint("by 5"), StartsWith("column 4: expected an id such as coroutine:4"));
    CHECK_THAT(complaint("under scope"), StartsWith("column 7: expected an id such as scope:2 after \"under\""));
    CHECK_THAT(complaint("under scope:*"), StartsWith("column 7: "));
    CHECK_THAT(complaint("time now"), StartsWith("column 6: expected milliseconds"));
    CHECK_THAT(complaint("time 1e300..2"), StartsWith("column 6: "));
    CHECK_THAT(complaint("seq 99999999999999999999"), StartsWith("column 5: expected numbers"));
    CHECK_THAT(complaint("seq 5..4"), StartsWith("column 5: \"5..4\" ends before it begins"));
    CHECK_THAT(complaint("seq .."), StartsWith("column 5: "));
    CHECK_THAT(complaint("→ or )"), StartsWith("column 6: ")); // counted in columns, not bytes
    CHECK_THAT(complaint("scope:1:2"), StartsWith("column 1: expected an id"));
    CHECK_THAT(complaint(std::string("a \x1b[31m")), !ContainsSubstring("\x1b"));
    CHECK_THAT(complaint(std::string(100'000, '(')), ContainsSubstring("nested deeper than 100"));
    std::string nots;
    for (int i = 0; i < 100'000; ++i) nots += "not ";
    CHECK_THAT(complaint(nots + "a"), ContainsSubstring("nested deeper"));
}

TEST_CASE("a glob of many stars is matched in bounded time") {
    std::string stars;
    for (int i = 0; i < 2000; ++i) stars += "*a";
    CHECK(fitting(stars + "b") == "");
}

TEST_CASE("a filter can be used again from the beginning") {
    filter f("under scope:2 or time ..0");
    std::string rounds[2];
    for (std::string& round : rounds) {
        for (event const& e : sample().events) round += f.fits(e) ? 'x' : '.';
        f.restart();
    }
    CHECK(rounds[0] == rounds[1]);
}
