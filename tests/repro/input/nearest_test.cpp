#include "repro/input/nearest.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro::repro;

TEST_CASE("the distance of two names counts insertions, deletions, replacements and swaps") {
    CHECK(edit_distance("grace", "grace") == 0);
    CHECK(edit_distance("", "grace") == 5);
    CHECK(edit_distance("grce", "grace") == 1);
    CHECK(edit_distance("graace", "grace") == 1);
    CHECK(edit_distance("graze", "grace") == 1);
    CHECK(edit_distance("garce", "grace") == 1);
    CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the intended name is suggested for a mistyped one") {
    static constexpr std::string_view known[] = {"scope-disposal", "lost-finish", "lost-timer", "stop"};
    CHECK(nearest("scope-disposl", known) == "scope-disposal");
    CHECK(nearest("lost-finnish", known) == "lost-finish");
    CHECK(nearest("sotp", known) == "stop");
    CHECK(did_you_mean("lost-tmer", known) == "; did you mean \"lost-timer\"?");
}

TEST_CASE("no name is suggested when none is near") {
    static constexpr std::string_view known[] = {"scope-disposal", "stop", "ab"};
    CHECK(nearest("nginx", known).empty());
    CHECK(nearest("", known).empty());
    CHECK(nearest("xy", known).empty());
    CHECK(nearest(std::string(100'000, 'a'), known).empty());
    CHECK(did_you_mean("nginx", known).empty());
    CHECK(nearest("stop", {}).empty());
}

TEST_CASE("of equally near names the first is suggested") {
    static constexpr std::string_view known[] = {"start", "stark"};
    CHECK(nearest("star", known) == "start");
}
