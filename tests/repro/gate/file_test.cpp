// Probes real servers of Debian. The expected behavior was measured.
#include <cstdlib>
#include <fstream>
#include <regex>
#include <sstream>
#include "repro/gate/baseline.hpp"
#include "repro/gate/file.hpp"
#include "repro/input/errors.hpp"
#include "repro/process/private_folder.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro::repro;

namespace {

gate_file gate_of(std::string const& checks) {
    return parse_gate(
        R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [)" + checks + "]}", "gate.json");
}

} // namespace

TEST_CASE("a check has its changed scenario, its line and a unique name") {
    gate_file const gate = gate_of(
        "\n"
        R"({"scenario": "lost-timer", "policy": "drained", "order": "server-first", "set": {"connections": 2, "timer_after": 20},
        "strategy": "random", "executions": 7, "seed": 3, "expect": "clean", "allow": ["scope-leaked"]},
        {"name": "mine", "scenario": {"scenario": "inline", "grace": 9, "stop": "coroutine.suspend#1"}, "stop": "server.ready#1", "world": "live", "repeat": 4, "expect": {"violated": ["timer-lost"]}})");
    REQUIRE(gate.checks.size() == 2);
    check_plan const& a = gate.checks[0];
    CHECK(a.name == "lost-timer drained");
    CHECK(a.line == 2);
    CHECK(a.scenario.reactor().connections == 2);
    CHECK(a.scenario.reactor().timer_ms == 20);
    CHECK(a.scenario.reactor().order == shutdown_repro::server::serve_order::server_first);
    CHECK(a.executions == 7);
    CHECK(a.seed == 3);
    CHECK(a.expected.clean);
    CHECK(a.allowed == std::vector<std::string>{"scope-leaked"});
    check_plan const& b = gate.checks[1];
    CHECK(b.name == "mine");
    CHECK(b.line == 4);
    CHECK(b.scenario.scoped().grace_ms == 9);
    CHECK(b.scenario.scoped().stop_at == "server.ready#1");
    CHECK(b.kept.stop);
    CHECK_FALSE(b.kept.free);
    CHECK(b.repeat == 4);
    CHECK(b.expected.rules == std::vector<std::string>{"timer-lost"});
}

TEST_CASE("the bundled gate reproduces every built-in scenario and checks that it is clean under drained") {
    gate_file const gate = bundled_gate();
    for (scenario const& s : builtin_scenarios()) {
        std::size_t reproduced = 0, clean = 0;
        for (check_plan const& c : gate.checks)
            if (c.scenario.name == s.name && c.world == shutdown_repro::server::world_kind::sim)
                ++(c.expected.clean ? clean : reproduced);
        INFO(s.name);
        CHECK(reproduced >= 1);
        CHECK(clean >= 1);
    }
}

TEST_CASE("a document that is truncated anywhere is refused without a crash") {
    std::string const gate(bundled_gate_text());
    for (std::size_t n = 0; n + 2 < gate.size(); n += 7)
        CHECK_THROWS_AS(parse_gate(gate.substr(0, n), "gate.json"), input_error);
    baseline const known{"b.json", {{"c", "timer-lost", "f", {1, 2}}}, {{"c", "timer-lost", "", "r", "2030-01-01"}}};
    std::string const text = to_text(known);
    for (std::size_t n = 0; n + 2 < text.size(); ++n)
        CHECK_THROWS_AS(parse_baseline(text.substr(0, n), "b.json"), input_error);
}

TEST_CASE("a baseline is written and read back to the same sorted bytes, with any texts") {
    baseline const known{"b.json",
        {{"b", "timer-lost", "f\"\\\n</script>", {1, 2}}, {"a", "timer-lost", "g", {3, 4}},
            {"a", "finish-event-lost", "f", {5, 6}}},
        {{"z", "timer-lost", "", "because", "2030-01-01"}, {"a", "timer-lost", "g", "so", "2031-12-31"}}};
    std::string const text = to_text(known);
    baseline const again = parse_baseline(text, "b.json");
    CHECK(to_text(again) == text);
    REQUIRE(again.current.size() == 3);
    CHECK(again.current[0].rule == "finish-event-lost");
    CHECK(again.current[2].fingerprint == "f\"\\\n</script>");
    REQUIRE(again.manual.size() == 2);
    CHECK(again.manual[0].check == "z"); // exceptions keep their order
}

TEST_CASE("the gates and the baseline that the manual page shows are read as such") {
    private_folder const here;
    std::ofstream(here.file("mine.json")) << R"({"scenario": "mine", "stop": "server.ready#1"})";
    std::ofstream(here.file("my-server.json"))
        << R"({"format": "shutdown-repro/target", "version": "1.0", "name": "mine", "command": ["./mine", "{port}"], "slow": "/slow"})";
    std::stringstream page;
    page << std::ifstream(SOURCE_DIR "/man/shutdown-repro-gate.5").rdbuf();
    std::regex const display(R"(\n\.Bd -literal[^\n]*\n(\{[^]*?)\n\.Ed\n)"), between("\\}\n\\{");
    std::string const text = page.str(), begin = R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [)";
    std::size_t checks = 0, entries = 0;
    for (std::sregex_iterator it(text.begin(), text.end(), display), end; it != end; ++it) {
        std::string shown = std::regex_replace((*it)[1].str(), between, "},\n{");
        INFO(shown);
        if (shown.find("\"current\"") != shown.npos) {
            baseline const known = parse_baseline(shown, "b.json");
            entries += known.current.size() + known.manual.size();
            continue;
        }
        if (shown.find("\"checks\"") == shown.npos) shown = begin + shown + "]}";
        checks += parse_gate(shown, here.file("gate.json")).checks.size();
    }
    CHECK(checks == 6);
    CHECK(entries == 2);
}

TEST_CASE("the error for a newer format says so") {
    CHECK_THROWS_WITH(parse_gate(R"({"format": "shutdown-repro/gate", "version": "2.0", "checks": []})", "g"),
        ContainsSubstring("the file is newer than this program"));
    CHECK_THROWS_WITH(parse_baseline(R"({"format": "shutdown-repro/baseline", "version": "2.0"})", "b"),
        ContainsSubstring("the file is newer than this program"));
}
