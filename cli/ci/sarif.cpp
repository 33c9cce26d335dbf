#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include "cli/ci/check_text.hpp"
#include "cli/ci/reports.hpp"
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {

using json = nlohmann::ordered_json;
using repro::check_result;
using repro::gate_violation;
using repro::outcome;

namespace {

// Rules for checks that fail without the violation of a trace rule.
struct gate_rule {
    std::string_view id, level, summary, why, fix;
};
constexpr gate_rule gate_rules[] = {
    {"gate-expectation-missed", "error", "a check did not see the violations that it expects",
        "A check that expects violations of named rules is a reproducer. When one of them is missing, either the "
        "defect is fixed or the check no longer reaches it.",
        "If the defect was fixed on purpose, change the check to expect a clean result."},
    {"gate-stale-baseline", "error", "the baseline has an entry that is fixed or expired",
        "The gate accepts the violations in the baseline. An entry that no longer occurs, or whose expiry date has "
        "passed, would let the same violation return unnoticed.",
        "Fix the violation of an expired entry; update the baseline to remove an entry that no longer occurs."},
    {"gate-inconclusive", "warning", "a check has too little evidence for a verdict",
        "A server that did not start, a truncated trace or too few executions prove nothing, and the gate does not "
        "report that as clean.",
        "Find out why the check did not run, or allow it more executions."},
};

// In a SARIF message, braces are placeholders unless doubled, and brackets are links unless escaped.
std::string plain(std::string_view text) {
    std::string out;
    for (char const c : text) {
        if (c == '[' || c == ']' || c == '\\') out += '\\';
        if (c == '{' || c == '}') out += c;
        out += c;
    }
    return out;
}
json message(std::string_view text) { return {{"text", plain(text)}}; }

std::string uri_of(std::string const& path) {
    constexpr std::string_view plain_ones = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/",
                               hex = "0123456789ABCDEF";
    std::string out = path.starts_with('/') ? "file://" : "";
    for (char const c : std::filesystem::path(path).lexically_normal().generic_string()) {
        auto const byte = static_cast<unsigned char>(c);
        if (plain_ones.find(c) != plain_ones.npos) out += c;
        else out.append({'%', hex[byte >> 4], hex[byte & 15]});
    }
    return out;
}

// Readers of SARIF keep numbers in 32 bits.
constexpr std::uint64_t most_lines = std::numeric_limits<std::int32_t>::max();

json physical(std::string const& path, std::uint64_t line) {
    json artifact{{"uri", uri_of(path)}};
    if (!path.starts_with('/')) artifact["uriBaseId"] = "%SRCROOT%";
    json p{{"artifactLocation", std::move(artifact)}};
    if (line && line <= most_lines) p["region"] = {{"startLine", line}};
    return p;
}

json location_of(check_result const& c) {
    json l = json::object();
    if (!c.file.empty()) l["physicalLocation"] = physical(c.file, std::max(1u, c.line));
    l["logicalLocations"] = {{{"name", line_of(c.name)}, {"kind", "check"}}};
    return l;
}

// A complete trace has its header in line 1 and event 0 in line 2.
json code_flow(check_result const& c, gate_violation const& v) {
    json steps = json::array();
    for (auto const& s : v.witness) {
        json l = v.trace.empty() ? location_of(c) : json{{"physicalLocation", physical(v.trace, s.at + 2)}};
        l["message"] = message("#" + std::to_string(s.at) + " " + line_of(s.what));
        steps.push_back({{"location", std::move(l)}});
    }
    return {{"threadFlows", {{{"locations", std::move(steps)}}}}};
}

// Where a violation of the root's defect was seen: in the kept trace, else at the check.
json related(check_result const& c, gate_violation const& v, std::size_t number) {
    json l = location_of(c);
    if (!v.trace.empty() && !v.witness.empty()) l = {{"physicalLocation", physical(v.trace, v.witness.back().at + 2)}};
    l["id"] = number;
    l["message"] = message((v.led_to ? "before it " : "and so ") + line_of(v.rule) + ": " + line_of(v.message));
    return l;
}

class results {
public:
    explicit results(repro::gate_result const& r) : of_(r) {
        for (traces::rule_info const& rule : traces::all_rules())
            add_rule(rule.id, name_of(rule.level), rule.summary, rule.why, rule.fix);
        for (gate_rule const& rule : gate_rules) add_rule(rule.id, rule.level, rule.summary, rule.why, rule.fix);
        for (check_result const& c : all_of(r)) add(c);
    }
    json rules = json::array(), all = json::array();

private:
    void add_rule(std::string_view id, std::string_view level, std::string_view summary, std::string_view why,
        std::string_view fix) {
        rules.push_back({{"id", id}, {"shortDescription", message(summary)}, {"fullDescription", message(why)},
            {"help", message(fix)}, {"defaultConfiguration", {{"level", level}}}});
    }

    void add(check_result const& c) {
        bool const violated = std::ranges::any_of(c.violations, fails);
        for (gate_violation const& v : c.violations)
            if (fails(v) || in_baseline(v)) add(c, v);
        if (c.result == outcome::stale) add(c, "gate-stale-baseline");
        if (c.result == outcome::inconclusive) add(c, "gate-inconclusive");
        if (c.result == outcome::failed && !violated) add(c, "gate-expectation-missed");
    }

    json result(check_result const& c, std::string_view rule, std::string_view level, std::string const& text) {
        json r{{"ruleId", line_of(rule)}};
        auto const known = std::ranges::find_if(rules, [&](json const& k) { return k["id"] == rule; });
        if (known != rules.end()) r["ruleIndex"] = known - rules.begin();
        r["level"] = level;
        r["message"] = message(text);
        r["locations"] = {location_of(c)};
        return r;
    }

    void add(check_result const& c, gate_violation const& v) {
        std::string text = line_of(c.name) + ": " + line_of(v.message);
        if (!v.replay.empty()) text += "\nagain: " + line_of(v.replay);
        traces::severity gravest = v.level;
        for (gate_violation const* const with : judged_with(v, c)) gravest = std::max(gravest, with->level);
        json r = result(c, v.rule, name_of(gravest), text);
        if (!v.witness.empty()) r["codeFlows"] = {code_flow(c, v)};
        std::size_t number = 0;
        for (gate_violation const* const then : judged_with(v, c))
            r["relatedLocations"].push_back(related(c, *then, ++number));
        r["partialFingerprints"] = {{"checkAndViolation/v1", line_of(c.name) + ": " + line_of(v.fingerprint)}};
        if (v.count) r["occurrenceCount"] = std::min(v.count, most_lines);
        if (in_baseline(v)) {
            std::string const known =
                "in the baseline" + (of_.baseline.empty() ? "" : " (" + line_of(of_.baseline) + ")");
            r["suppressions"] = {{{"kind", "external"}, {"status", "accepted"},
                {"justification", v.reason.empty() ? known : line_of(v.reason)}}};
        }
        all.push_back(std::move(r));
    }

    void add(check_result const& c, std::string_view rule) {
        auto const known = std::ranges::find(gate_rules, rule, &gate_rule::id);
        json r = result(c, rule, known->level, line_of(c.name) + ": " + headline_of(c));
        r["partialFingerprints"] = {{"checkAndViolation/v1", line_of(c.name) + ": " + std::string(rule)}};
        all.push_back(std::move(r));
    }

    repro::gate_result const& of_;
};

} // namespace

std::string as_sarif(repro::gate_result const& r, int exit_status) {
    results found(r);
    json run;
    run["tool"]["driver"] = {
        {"name", "shutdown-repro"}, {"version", SHUTDOWN_REPRO_VERSION}, {"rules", std::move(found.rules)}};
    run["invocations"] = {
        {{"executionSuccessful", !r.interrupted && exit_status != repro::bad_input}, {"exitCode", exit_status}}};
    run["originalUriBaseIds"]["%SRCROOT%"]["description"] =
        message("the top of the repository, or the folder where the gate was run");
    run["columnKind"] = "unicodeCodePoints";
    run["results"] = std::move(found.all);
    json const document{
        {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", {std::move(run)}}};
    return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace shutdown_repro::cli
