#include <catch2/catch.hpp>
#include "repro/input/errors.hpp"
#include "repro/input/pattern.hpp"

using shutdown_repro::repro::input_error;
using shutdown_repro::repro::pattern;

TEST_CASE("a pattern is read as ECMAScript writes it") {
    CHECK(pattern("^listening on \\d+$").is_in("listening on 8080"));
    CHECK_FALSE(pattern("^listening on \\d+$").is_in("not listening on 8080"));
    CHECK(pattern("a[^]b").is_in("a\nb"));
    CHECK(pattern("\\u0041\\x42").is_in("AB"));
    CHECK(pattern("[[:upper:]](?:open|ready)(?=!)").is_in("Xready!"));
    CHECK_FALSE(pattern("open$").is_in("open\n"));
    CHECK(pattern("[0-9]+(\\.[0-9]+)+").find("nginx 1.22.1, 2023") == "1.22.1");
    CHECK(pattern("\xe4").is_in("\xe4 is no UTF-8"));
}

TEST_CASE("a line of a server may have any length") {
    std::string const line(300'000, 'x');
    CHECK(pattern("(x|y)*open").is_in(line + "open"));
    CHECK_FALSE(pattern("^(x|y)*$").is_in(line + "open"));
    CHECK(pattern(".*open").is_in(line + line + "open"));
    CHECK_FALSE(pattern("open$").is_in(line + "open "));
}

TEST_CASE("a search that needs too many steps is an error, and not a line without a match") {
    std::string const line(100'000, 'a');
    CHECK_THROWS_AS(pattern("^(a*)*b$").is_in(line), input_error);
    CHECK_THROWS_AS(pattern("(a|b)*c").is_in(line + " c"), input_error); // the square of the length
}

TEST_CASE("what is no regular expression is told with the character") {
    CHECK(pattern::why_not("open (.*") == "missing closing parenthesis at character 9");
    CHECK(pattern::why_not("ok").empty());
    CHECK_THROWS_AS(pattern("*"), input_error);
}
