// SARIF 2.1.0. The standard's schema is not in this tree, but is asked where it could be had. The table below is
// narrower: what of it is written, with what text; every other property is refused.
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include "cli/ci/reports.hpp"
#include "tests/catch.hpp"
#include "tests/cli/gates.hpp"
#include "tests/cli/program.hpp"
#include "tests/skip.hpp"
#include "traces/rules/rule.hpp"

using namespace shutdown_repro;
using namespace shutdown_repro::cli;
using namespace shutdown_repro::cli_tests;
using nlohmann::json;

namespace {

// "!" means required, "type*" means a list.
std::map<std::string, std::map<std::string, std::string>> const objects{
    {"log", {{"$schema", "uri"}, {"version", "!2.1.0"}, {"runs", "!run*"}}},
    {"run",
        {{"tool", "!tool"}, {"invocations", "invocation*"}, {"originalUriBaseIds", "bases"}, {"columnKind", "columns"},
            {"results", "result*"}}},
    {"tool", {{"driver", "!component"}}},
    {"component", {{"name", "!text"}, {"version", "text"}, {"rules", "descriptor*"}}},
    {"descriptor",
        {{"id", "!text"}, {"shortDescription", "message"}, {"fullDescription", "message"}, {"help", "message"},
            {"defaultConfiguration", "configuration"}}},
    {"configuration", {{"level", "level"}}},
    {"invocation", {{"executionSuccessful", "!flag"}, {"exitCode", "integer"}}},
    {"bases", {{"%SRCROOT%", "artifact"}}},
    {"artifact", {{"uri", "relative or file"}, {"uriBaseId", "base"}, {"description", "message"}}},
    {"message", {{"text", "!message text"}}},
    {"result",
        {{"ruleId", "text"}, {"ruleIndex", "index"}, {"level", "level"}, {"message", "!message"},
            {"locations", "location*"}, {"codeFlows", "flow*"}, {"relatedLocations", "location*"},
            {"partialFingerprints", "prints"}, {"occurrenceCount", "count"}, {"suppressions", "suppression*"}}},
    {"location",
        {{"id", "count"}, {"physicalLocation", "physical"}, {"logicalLocations", "logical*"}, {"message", "message"}}},
    {"physical", {{"artifactLocation", "!artifact"}, {"region", "region"}}},
    {"region", {{"startLine", "count"}}},
    {"logical", {{"name", "text"}, {"kind", "text"}}},
    {"flow", {{"threadFlows", "!thread*"}}},
    {"thread", {{"locations", "!step*"}}},
    {"step", {{"location", "location"}}},
    {"prints", {{"checkAndViolation/v1", "text"}}},
    {"suppression", {{"kind", "!external"}, {"status", "accepted"}, {"justification", "text"}}},
};

bool harmless(std::string const& text) {
    for (unsigned char const c : text)
        if (c < 0x20 && c != '\n') return false;
    return text.size() < 8'000;
}

// Returns whether all braces are doubled and all brackets escaped, so that there is no placeholder and no link.
bool plain_message(std::string text) {
    text = std::regex_replace(text, std::regex(R"(\\[\\\[\]])"), "");
    text = std::regex_replace(text, std::regex(R"(\{\{|\}\})"), "");
    return text.find_first_of("[]{}\\") == text.npos;
}

// Returns "", or the place of the first error.
std::string wrong(json const& v, std::string type, std::string const& where) {
    if (type.ends_with('*')) {
        if (!v.is_array() || v.size() > 10'000) return where + " is no list";
        for (std::size_t i = 0; i < v.size(); ++i)
            if (std::string const w = wrong(v[i], type.substr(0, type.size() - 1), where + "/" + std::to_string(i));
                !w.empty())
                return w;
        return {};
    }
    if (auto const o = objects.find(type); o != objects.end()) {
        if (!v.is_object()) return where + " is no object";
        for (auto const& [key, of] : o->second) {
            bool const required = of.starts_with('!');
            if (required && !v.contains(key)) return where + " lacks " + key;
            if (!v.contains(key)) continue;
            if (std::string const w = wrong(v[key], required ? of.substr(1) : of, where + "/" + key); !w.empty())
                return w;
        }
        for (auto const& [key, ignored] : v.items())
            if (!o->second.contains(key)) return where + " has an unknown " + key;
        return {};
    }
    std::string const text = v.is_string() ? v.get<std::string>() : "";
    bool const good = type == "flag" ? v.is_boolean()
        : type == "integer"          ? v.is_number_integer()
        : type == "index"            ? v.is_number_unsigned()
        : type == "count"            ? v.is_number_unsigned() && v.get<std::uint64_t>() - 1 < 0x7fffffff
        : type == "text"             ? !text.empty() && harmless(text)
        : type == "message text"     ? !text.empty() && harmless(text) && plain_message(text)
        : type == "level"            ? text == "error" || text == "warning" || text == "note"
        : type == "uri"              ? text.starts_with("https://")
        : type == "relative or file"
        ? std::regex_match(text.substr(0, 500), std::regex("(file:///)?([A-Za-z0-9._~/-]|%[0-9A-F]{2})*%?[0-9A-F]?")) &&
            !text.empty()
        : type == "base"    ? text == "%SRCROOT%"
        : type == "columns" ? text == "unicodeCodePoints" || text == "utf16CodeUnits"
                            : text == type;
    return good ? "" : where + " is no " + type + ": " + v.dump().substr(0, 200);
}

json results_of(json const& log) { return log["runs"][0]["results"]; }

} // namespace

TEST_CASE("SARIF: the log has the form of the standard, even with hostile names") {
    for (auto const& gate : {ordinary_gate(), hostile_gate(), repro::gate_result{}}) {
        json const log = json::parse(as_sarif(gate, 1)); // refuses what is no UTF-8
        CHECK(wrong(log, "log", "") == "");
    }
    json broken = json::parse(as_sarif(ordinary_gate(), 1));
    broken["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0;
    CHECK_THAT(wrong(broken, "log", ""), ContainsSubstring("startLine is no count"));
}

TEST_CASE("SARIF: the published schema accepts the log, even with hostile names") {
    std::string const python = "/usr/bin/python3",
                      schema = PUBLISHED_SCHEMAS "/sarif.json"; // Debian's, for which the package is
    folder here;
    if (!std::filesystem::exists(schema))
        return tests::skip(
            "the schema of SARIF is not there, so it has read no log (./dev test gets it from Debian's sources)");
    if (run_line(python + " -c 'import jsonschema'", here.path()).status != 0)
        return tests::skip("python3-jsonschema is not installed");
    auto const refused = [&](std::string const& log) {
        here.write("log.sarif", log);
        result const r = run_line(
            python + " '" SOURCE_DIR "/tests/cli/ci/sarif_by_schema.py' '" + schema + "' < log.sarif", here.path());
        return r.status == 0 ? "" : r.err;
    };
    for (auto const& gate : {ordinary_gate(), hostile_gate(), repro::gate_result{}})
        CHECK(refused(as_sarif(gate, 1)) == "");
    auto const refused_with = [&](std::string const& pointer, json const& value) {
        json log = json::parse(as_sarif(ordinary_gate(), 1));
        log[json::json_pointer(pointer)] = value;
        return refused(log.dump());
    };
    CHECK_THAT(
        refused_with("/runs/0/results/0/message", json::object()), ContainsSubstring("/runs/0/results/0/message: "));
    CHECK_THAT(refused_with("/runs/0/results/0/level", "fatal"), ContainsSubstring("'fatal' is not one of"));
    CHECK_THAT(
        refused_with("/runs/0/tool/driver/rules/0/helpText", "?"), ContainsSubstring("'helpText' was unexpected"));
}

TEST_CASE("SARIF: a rule has its id, texts and level, and a result refers to the rule with its id") {
    json const log = json::parse(as_sarif(ordinary_gate(), 1));
    json const& rules = log["runs"][0]["tool"]["driver"]["rules"];
    CHECK(rules.size() == traces::all_rules().size() + 3);
    std::set<std::string> ids;
    for (json const& rule : rules) {
        CHECK(ids.insert(rule["id"]).second);
        for (char const* part : {"shortDescription", "fullDescription", "help"})
            CHECK_FALSE(rule[part]["text"].get<std::string>().empty());
    }
    for (json const& r : results_of(log)) CHECK(rules[r["ruleIndex"].get<std::size_t>()]["id"] == r["ruleId"]);
}

TEST_CASE("SARIF: an unexpected violation is a result at the line of its check, with its witness as a flow through the "
          "trace") {
    json const all = results_of(json::parse(as_sarif(ordinary_gate(), 1)));
    // The new one, two that the baseline has, three checks that failed without a violation, entries without a check.
    REQUIRE(all.size() == 7);
    json const& fresh = all[0];
    CHECK(fresh["ruleId"] == "finish-event-lost");
    CHECK(fresh["level"] == "error");
    CHECK(fresh["locations"][0]["physicalLocation"] ==
        json{{"artifactLocation", {{"uri", "ci/gate.json"}, {"uriBaseId", "%SRCROOT%"}}},
            {"region", {{"startLine", 30}}}});
    json const& steps = fresh["codeFlows"][0]["threadFlows"][0]["locations"];
    REQUIRE(steps.size() == 2);
    CHECK(steps[0]["location"]["message"]["text"] == "#4 request:1 begins");
    CHECK(steps[0]["location"]["physicalLocation"]["region"]["startLine"] == 6);
    CHECK_FALSE(fresh.contains("suppressions"));
    CHECK(fresh["partialFingerprints"].begin()->get<std::string>().find("finish-event-lost request") !=
        std::string::npos);
}

TEST_CASE("SARIF: violations in the baseline are suppressed, expected violations are not results, other failures are") {
    json const all = results_of(json::parse(as_sarif(ordinary_gate(), 1)));
    REQUIRE(all.size() == 7);
    CHECK(all[1]["suppressions"][0]["justification"] == "in the baseline (ci/baseline.json)");
    CHECK(all[2]["suppressions"][0]["justification"] == "waits for the new parser, until 2030-01-01");
    CHECK(all[3]["ruleId"] == "gate-expectation-missed");
    CHECK(all[4]["ruleId"] == "gate-stale-baseline");
    CHECK(all[5]["ruleId"] == "gate-inconclusive");
    CHECK(all[5]["level"] == "warning");
    CHECK(all[6]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "ci/baseline.json");
}

TEST_CASE("SARIF: the invocation has the exit status, and says when it was interrupted") {
    json const done = json::parse(as_sarif(ordinary_gate(), 1))["runs"][0]["invocations"][0];
    CHECK(done == json{{"executionSuccessful", true}, {"exitCode", 1}});
    repro::gate_result cut = ordinary_gate();
    cut.interrupted = true;
    CHECK(json::parse(as_sarif(cut, 3))["runs"][0]["invocations"][0]["executionSuccessful"] == false);
}

TEST_CASE("what follows from a root is no result of its own but a related location of the root's") {
    repro::check_result c;
    c.name = "shop";
    c.result = repro::outcome::failed;
    c.why = {"new: finish-event-lost"};
    c.trials = 1;
    repro::gate_violation root, then;
    root.rule = "finish-event-lost";
    root.fingerprint = "f";
    root.count = then.count = 1;
    then.rule = "stop-returned-early";
    then.fingerprint = "g";
    then.message = "the process exited";
    then.stands = repro::standing::follows;
    then.caused_by = {{"finish-event-lost", "f"}};
    c.violations = {root, then};
    repro::gate_result r;
    r.checks = {c};
    json const results = json::parse(as_sarif(r, 1))["runs"][0]["results"];
    REQUIRE(results.size() == 1);
    CHECK(results[0]["ruleId"] == "finish-event-lost");
    REQUIRE(results[0]["relatedLocations"].size() == 1);
    CHECK(results[0]["relatedLocations"][0]["message"]["text"] == "and so stop-returned-early: the process exited");
    CHECK_THAT(as_junit(r),
        ContainsSubstring("tests=\"1\" failures=\"1\"") && ContainsSubstring("type=\"finish-event-lost\"") &&
            ContainsSubstring("    and so: stop-returned-early"));
    repro::gate_violation other = root;
    other.rule = other.fingerprint = "timer-lost";
    r.checks[0].violations.push_back(other);
    CHECK_THAT(as_junit(r),
        ContainsSubstring("tests=\"2\" failures=\"2\"") && ContainsSubstring("name=\"shop: timer-lost\"") &&
            ContainsSubstring("and so: stop-returned-early\"") &&
            ContainsSubstring("name=\"shop: finish-event-lost\""));
}
