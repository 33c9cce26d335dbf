// Tests that every report tells the same defects: their roots, what belongs to them, and how many there are.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
using nlohmann::json;
using command_line = std::vector<std::string>;

namespace {

std::vector<command_line> const executions{{"run", "scope-disposal", "--world", "sim"},
    {"run", "scope-disposal", "--world", "sim", "--requests", "3"},
    {"run", "scope-disposal", "--world", "sim", "--policy", "upstream-fix"},
    {"run", "lost-finish", "--world", "sim", "--order", "client-first"}, {"run", "lost-timer", "--world", "sim"}};

command_line with(command_line all, std::initializer_list<char const*> more) {
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

bool is_root(json const& violation) { return !violation.contains("caused_by") && !violation.contains("led_to"); }
bool leads(json const& violation) { return is_root(violation) && !violation.contains("like"); }

// The rules of the violations that a text shows one by one.
std::multiset<std::string> shown_by(std::string const& text) {
    std::multiset<std::string> rules;
    for (std::string const& line : lines(text))
        for (std::string const sign : {"✗ ", "! "})
            if (line.starts_with(sign))
                rules.insert(line.substr(sign.size(), line.find(' ', sign.size()) - sign.size()));
    return rules;
}

std::multiset<std::string> roots_of(json const& violations) {
    std::multiset<std::string> rules;
    for (json const& v : violations)
        if (v["severity"] != "note" && leads(v)) rules.insert(v["rule"]);
    return rules;
}

} // namespace

TEST_CASE("a run leads with the root that the report names, and names under it what else its defect broke") {
    folder here;
    result const first = run(executions[0], {.in = here.path()}), second = run(executions[3], {.in = here.path()});
    INFO(first.out << second.out);
    CHECK(shown_by(first.out) == std::multiset<std::string>{"scope-disposed-nonempty"});
    CHECK_THAT(first.out, ContainsSubstring("\n    and so: ") && ContainsSubstring("\n1 defect, "));
    CHECK(shown_by(second.out) == std::multiset<std::string>{"callback-after-destroy"});
    CHECK_THAT(second.out, ContainsSubstring("\n    and so: ") && ContainsSubstring("\n1 defect, "));
}

TEST_CASE("the text and the document of a run tell the same roots, and each other violation names one of them") {
    for (command_line const& command : executions) {
        folder here;
        std::string const text = run(command, {.in = here.path()}).out;
        json const document = json::parse(run(with(command, {"--json"}), {.in = here.path()}).out);
        INFO(text << document.dump(1));
        json const& all = document["violations"];
        CHECK(shown_by(text) == roots_of(all));
        CHECK(document["defects"] == roots_of(all).size());
        for (json const& v : all) {
            if (is_root(v)) continue;
            json const& root = v.contains("caused_by") ? v["caused_by"] : v["led_to"];
            CHECK(std::ranges::any_of(all, [&](json const& other) {
                return is_root(other) && other["rule"] == root["rule"] && other["at"] == root["at"];
            }));
        }
    }
}

TEST_CASE("a gate fails for the roots that a run reports, and its JUnit and SARIF tell the same") {
    folder here;
    json const ran = json::parse(run(with(executions[3], {"--json"}), {.in = here.path()}).out);
    here.write("gate.json", R"({"format": "shutdown-repro/gate", "version": "1.0", "checks": [
        {"name": "shop", "scenario": "lost-finish", "order": "client-first", "expect": "clean"}]})");
    json const gate =
        json::parse(run({"gate", "gate.json", "--json", "--junit", "j.xml", "--sarif", "s.sarif"}, {.in = here.path()})
                        .out)["checks"][0];
    std::multiset<std::string> judged, following;
    for (json const& v : gate["violations"]) (v["stands"] == "follows" ? following : judged).insert(v["rule"]);
    INFO(gate.dump(1));
    CHECK(judged == roots_of(ran["violations"]));
    CHECK(judged.size() + following.size() == ran["violations"].size());
    CHECK(gate["why"].size() == judged.size());
    json const results = json::parse(here.read("s.sarif"))["runs"][0]["results"];
    REQUIRE(results.size() == judged.size());
    CHECK(results[0]["relatedLocations"].size() == following.size());
    CHECK_THAT(here.read("j.xml"), ContainsSubstring(R"(tests="1" failures="1" errors="0")"));
}

TEST_CASE("a finding of an exploration that follows from another is shown so by the trace that it is kept with") {
    for (char const* const scenario : {"scope-disposal", "lost-finish", "lost-timer"}) {
        folder here;
        result const text = run({"explore", scenario, "--executions", "150"}, {.in = here.path()});
        json const all =
            json::parse(run({"explore", scenario, "--executions", "150", "--json"}, {.in = here.path()}).out);
        INFO(text.out << all.dump(1));
        std::map<std::string, json> of_trace;
        std::size_t roots = 0;
        for (json const& v : all["violations"]) {
            if (!v.contains("trace") || v["rule"] == "unfinished") continue;
            roots += is_root(v) && !v.contains("same_as");
            std::string const path = v["trace"];
            if (!of_trace.contains(path))
                of_trace[path] = json::parse(run({"check", path, "--json"}, {.in = here.path()}).out);
            bool shown = false;
            for (json const& same : of_trace[path]["violations"])
                shown = shown || (same["rule"] == v["rule"] && is_root(same) == is_root(v));
            CHECK(shown);
        }
        if (!all.contains("defects")) continue;
        CHECK(all["defects"] == roots);
        CHECK_THAT(
            text.out, ContainsSubstring("\n" + std::to_string(roots) + (roots == 1 ? " defect, " : " defects, ")));
    }
}
