// Checks that the manual page of the rules agrees with all_rules().
#include <fstream>
#include <sstream>
#include "tests/catch.hpp"
#include "traces/rules/rule.hpp"

using namespace shutdown_repro::traces;

TEST_CASE("the manual lists every rule in order, with its severity, what it needs and when it is violated") {
    std::ifstream page(SOURCE_DIR "/man/shutdown-repro-rules.7");
    REQUIRE(page);
    std::string listed, line;
    while (std::getline(page, line)) {
        if (!line.starts_with(".It Ic ")) continue;
        std::string needs, summary;
        REQUIRE(std::getline(page, needs));
        REQUIRE(std::getline(page, summary));
        listed += line + "\n" + needs + "\n" + summary + "\n";
    }
    std::string expected;
    for (rule_info const& r : all_rules()) {
        expected += ".It Ic " + std::string(r.id) + " Pq " + std::string(name_of(r.level)) + "\n";
        expected += "Needs " + needs_text(r) + ".\n";
        std::string summary(r.summary);
        summary[0] = static_cast<char>(summary[0] - 'a' + 'A');
        expected += summary + ".\n";
    }
    CHECK(listed == expected);
}
