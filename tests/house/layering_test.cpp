// The house's order, held: who may include whom, and in which rooms a third party is welcome.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>
#include "tests/catch.hpp"

namespace fs = std::filesystem;

namespace {

std::vector<std::string> const rooms{"traces", "server_under_test", "repro", "cli"}; // each may include those before it

struct source {
    std::string path, room, text; // the path from the root
};

std::vector<source> sources() {
    std::vector<source> found;
    for (std::string const& room : rooms)
        for (fs::directory_entry const& entry : fs::recursive_directory_iterator(fs::path(SOURCE_DIR) / room)) {
            auto const extension = entry.path().extension();
            if (extension != ".cpp" && extension != ".hpp") continue;
            std::ostringstream text;
            text << std::ifstream(entry.path()).rdbuf();
            found.push_back({fs::relative(entry.path(), SOURCE_DIR).string(), room, text.str()});
        }
    std::sort(found.begin(), found.end(), [](source const& a, source const& b) { return a.path < b.path; });
    return found;
}

std::vector<std::string> includes(source const& s, char open, char close) {
    std::regex const line(std::string("(^|\n)#include ") + open + "([^\n]*)" + close);
    std::vector<std::string> found;
    for (std::sregex_iterator it(s.text.begin(), s.text.end(), line), end; it != end; ++it) found.push_back((*it)[2]);
    return found;
}

long rank(std::string const& room) { return std::find(rooms.begin(), rooms.end(), room) - rooms.begin(); }

} // namespace

TEST_CASE("there is a house to look at") {
    auto const all = sources();
    for (std::string const& room : rooms)
        CHECK(std::count_if(all.begin(), all.end(), [&](source const& s) { return s.room == room; }) > 2);
}

TEST_CASE("a room includes only itself and the rooms below it, by paths from the root") {
    for (source const& s : sources())
        for (std::string const& included : includes(s, '"', '"')) {
            INFO(s.path << " includes " << included);
            CHECK(rank(included.substr(0, included.find('/'))) <= rank(s.room));
            CHECK(fs::exists(fs::path(SOURCE_DIR) / included));
        }
}

TEST_CASE("third parties stay in their rooms") {
    // The beginning of an include, and the beginnings of the paths that may say it; the first that fits counts.
    std::vector<std::pair<std::string, std::vector<std::string>>> const welcome{
        {"boost/asio/buffer",
            {"server_under_test/http", "server_under_test/tcp_world", "repro/live"}}, // what Beast's parser eats
        {"boost/asio", {"server_under_test/tcp_world", "repro/live"}},
        {"boost/beast", {"server_under_test/http"}},
        {"curl/", {"repro/curl_clients"}},
        {"CLI/", {"cli/"}},
        {"catch2/", {}},
        {"benchmark/", {}},
    };
    for (source const& s : sources())
        for (std::string const& included : includes(s, '<', '>')) {
            auto const party = std::find_if(
                welcome.begin(), welcome.end(), [&](auto const& w) { return included.starts_with(w.first); });
            if (party == welcome.end()) continue;
            INFO(s.path << " includes " << included);
            CHECK(std::any_of(party->second.begin(), party->second.end(),
                [&](std::string const& path) { return s.path.starts_with(path); }));
        }
}

TEST_CASE("headers spare their readers the whole of the JSON library") {
    std::vector<std::string> const exempt{
        "repro/input/located_json.hpp", "traces/format/line.hpp"}; // it is what they are about
    for (source const& s : sources()) {
        if (!s.path.ends_with(".hpp")) continue;
        auto const all = includes(s, '<', '>');
        INFO(s.path);
        CHECK((std::count(exempt.begin(), exempt.end(), s.path) ||
            !std::count(all.begin(), all.end(), "nlohmann/json.hpp")));
    }
}

TEST_CASE("every header can be included twice, and every file can be read in one sitting") {
    for (source const& s : sources()) {
        INFO(s.path);
        if (s.path.ends_with(".hpp")) CHECK(s.text.find("#pragma once") != s.text.npos);
        CHECK(std::count(s.text.begin(), s.text.end(), '\n') < 600);
    }
}

TEST_CASE("no test has a semicolon in its name, at which CTest would cut it, or begins as an option does") {
    std::regex const named("TEST_CASE\\(\"(-|[^\"]*;[^\"]*\")");
    for (fs::directory_entry const& entry : fs::recursive_directory_iterator(fs::path(SOURCE_DIR) / "tests")) {
        if (entry.path().extension() != ".cpp") continue;
        std::ostringstream text;
        text << std::ifstream(entry.path()).rdbuf();
        std::string const all = text.str();
        INFO(entry.path());
        CHECK_FALSE(std::regex_search(all, named));
    }
}
