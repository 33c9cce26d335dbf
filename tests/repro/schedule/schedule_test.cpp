#include <set>
#include "repro/input/errors.hpp"
#include "repro/schedule/decision.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro::repro;
using shutdown_repro::server::move;

namespace {

// Offers the same move of clients 1 to n.
std::uint32_t choose(follow& f, std::uint32_t n, move what = move::client_sends) {
    std::vector<shutdown_repro::server::alternative> offered;
    for (std::uint32_t c = 1; c <= n; ++c) offered.push_back({what, {shutdown_repro::traces::entity::client, c}});
    return f.choose(offered);
}

} // namespace

TEST_CASE("a schedule is printed as its decisions away from the default") {
    CHECK(to_string(schedule{}) == "default");
    CHECK(to_string(schedule{{0, 0, 0}}) == "default");
    CHECK(to_string(schedule{{0, 0, 0, 1, 0, 2}}) == "3=1,5=2");
}

TEST_CASE("a printed schedule is read back") {
    CHECK(parse_schedule("default") == schedule{});
    CHECK(parse_schedule("3=1,5=2") == schedule{{0, 0, 0, 1, 0, 2}});
    CHECK(parse_schedule("5=2,3=1") == parse_schedule("3=1,5=2"));
    for (char const* text : {"0=1", "17=2", "0=1,1=1,2=1", "9999999=4294967295"})
        CHECK(to_string(parse_schedule(text)) == text);
}

TEST_CASE("the error for a wrong schedule names the wrong part") {
    CHECK_THROWS_WITH(parse_schedule("3=1,x=2"),
        "bad schedule: \"x=2\" is not INDEX=CHOICE; write \"default\", or decisions such as \"3=1,17=2\"");
    CHECK_THROWS_WITH(parse_schedule("3=1,3=2"), "bad schedule: decision 3 is given twice");
    CHECK_THROWS_WITH(parse_schedule("3=0,3=2"), "bad schedule: decision 3 is given twice");
    CHECK_THROWS_WITH(
        parse_schedule("4000000000=1"), ContainsSubstring("an execution has fewer than 10000000 decisions"));
    for (char const* text : {"", ",", "3", "3=", "=1", "3=1,", "3=-1", "-3=1", "3 = 1", "3=1=1", "3=99999999999",
             "99999999999=3", "default,3=1"}) {
        INFO(text);
        CHECK_THROWS_AS(parse_schedule(text), input_error);
    }
}

TEST_CASE("an execution follows its schedule, takes the default after it, and returns the decisions taken") {
    follow f(parse_schedule("1=2"));
    CHECK(choose(f, 2) == 0);
    CHECK(choose(f, 3) == 2);
    CHECK(choose(f, 2) == 0);
    CHECK(f.taken() == schedule{{0, 2, 0}});
    CHECK(f.diverged().empty());
}

TEST_CASE("a choice that is not offered is a divergence, and the default is taken") {
    follow f(parse_schedule("0=1,1=5,2=7"));
    CHECK(choose(f, 2) == 1);
    CHECK(choose(f, 3, move::handle_is_read) == 0);
    CHECK(choose(f, 2) == 0);
    CHECK(f.diverged() ==
        "decision 1 (client:1 is read or client:2 is read or client:3 is read) has choices 0 to 2, but the schedule "
        "asks for 5");
    CHECK(f.taken() == schedule{{1, 0, 0}});
}

TEST_CASE("an execution that ends before its schedule has diverged") {
    follow f(parse_schedule("0=1,4=1"));
    choose(f, 2);
    CHECK(f.diverged() == "the execution ended after 1 decisions, but the schedule has a choice for decision 4");
}

TEST_CASE("following the decisions taken gives the same decisions") {
    auto const decide = [](follow& f) {
        for (std::uint32_t n = 2; n < 40; ++n) choose(f, n);
    };
    follow first(parse_schedule("0=1,7=8,30=31"));
    decide(first);
    follow again(parse_schedule(to_string(first.taken())));
    decide(again);
    CHECK(again.taken() == first.taken());
    CHECK(again.diverged().empty());
}

TEST_CASE("each move has a label of its own") {
    std::set<std::string_view> labels;
    for (auto m = move::client_connects; m <= move::timer_fires; m = static_cast<move>(static_cast<int>(m) + 1))
        labels.insert(shutdown_repro::server::label_of(m));
    CHECK(labels.size() == static_cast<std::size_t>(move::timer_fires) + 1);
    CHECK(!labels.contains(""));
}
