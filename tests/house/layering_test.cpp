// Checks the includes: which room may include which other room, and in which rooms each third-party library is used.
#include <algorithm>
#include "tests/catch.hpp"
#include "tests/house/rooms.hpp"

using namespace shutdown_repro::tests;
using lines = std::vector<std::string>;

TEST_CASE("the checks find the sources of every top-level folder") {
    auto const all = read_sources(product());
    for (std::string const& folder : product())
        CHECK(std::ranges::count_if(all, [&](source_file const& s) { return s.path.starts_with(folder + "/"); }) > 20);
}

TEST_CASE("each file is in a room of the table") { CHECK(rooms_without_a_row(read_sources(product())) == lines{}); }

TEST_CASE("a room includes only itself and the rooms below it, by paths from the root") {
    CHECK(wrong_directions(read_sources(product())) == lines{});
}

TEST_CASE("third-party libraries are used only in their rooms") {
    CHECK(strangers(read_sources(product())) == lines{});
}

TEST_CASE("an include against the direction of the rooms is found") {
    CHECK(wrong_directions({{"repro/sim/a.cpp", "#include \"repro/explore/explore.hpp\"\n"}}) ==
        lines{"repro/sim/a.cpp includes repro/explore/explore.hpp"});
    CHECK(wrong_directions({{"traces/a.cpp", "#pragma once\n#include \"traces/format/jsonl.hpp\"\n"}}) ==
        lines{"traces/a.cpp includes traces/format/jsonl.hpp"});
    CHECK(wrong_directions({{"cli/report/a.cpp", "#include \"cli/terminal/nothing.hpp\"\n"}}).size() == 1);
    CHECK(wrong_directions({{"cli/report/a.cpp", "#include \"cli/terminal/output.hpp\"\n"}}) == lines{});
}

TEST_CASE("a room that is not in the table is found") {
    CHECK(rooms_without_a_row({{"repro/attic/a.cpp", ""}, {"repro/a.cpp", ""}}).size() == 2);
}

TEST_CASE("a third-party library outside its rooms is found") {
    CHECK(
        strangers({{"repro/sim/a.cpp", "#include <curl/curl.h>\n"}}) == lines{"repro/sim/a.cpp includes curl/curl.h"});
    CHECK(strangers({{"server_under_test/worlds/a.cpp", "#include <boost/asio/buffer.hpp>\n"}}).size() == 1);
    CHECK(strangers({{"repro/live/curl_clients.cpp", "#include <curl/curl.h>\n"}}) == lines{});
}

TEST_CASE("one file of the command line writes all others, so that no output replaces an input") {
    CHECK(unguarded_writers(read_sources(product())) == lines{});
    CHECK(unguarded_writers({{"cli/commands/a.cpp", "traces::write_file(path, t);\n"}}) ==
        lines{"cli/commands/a.cpp writes with write_file("});
    CHECK(unguarded_writers({{"cli/report/a.cpp", "std::ofstream file(path);\n"}}).size() == 1);
    CHECK(unguarded_writers({{"cli/terminal/files.cpp", "std::fopen(path, mode);\n"}}) == lines{});
}

TEST_CASE("headers do not include the whole JSON library") {
    lines const exempt{"repro/input/located_json.hpp", "traces/format/line.hpp"}; // these are JSON readers
    for (source_file const& s : read_sources(product())) {
        if (!s.path.ends_with(".hpp")) continue;
        auto const all = includes(s, '<', '>');
        INFO(s.path);
        CHECK((std::ranges::count(exempt, s.path) || !std::ranges::count(all, "nlohmann/json.hpp")));
    }
}
