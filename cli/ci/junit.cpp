#include <algorithm>
#include <charconv>
#include <cmath>
#include <tuple>
#include "cli/ci/check_text.hpp"
#include "cli/ci/reports.hpp"
#include "traces/page/html_text.hpp"

namespace shutdown_repro::cli {

using repro::check_result;
using repro::outcome;

namespace {

// line_of() leaves only characters that XML 1.0 allows, and HTML and XML share the character references used here.
std::string attribute(std::string_view name, std::string_view value) {
    return " " + std::string(name) + "=\"" + traces::html_text(line_of(value)) + "\"";
}

// Formats seconds with a dot and three decimals. An invalid time becomes 0.
std::string seconds(double s) {
    if (!std::isfinite(s) || s < 0) s = 0;
    char text[64];
    auto const end = std::to_chars(text, text + sizeof text, std::min(s, 1e9), std::chars_format::fixed, 3).ptr;
    return {text, end};
}

std::string lines_of(check_result const& c) {
    std::string text;
    for (std::string const& line : check_lines(c)) text += traces::html_text(line) + "\n";
    return text;
}

// Jenkins reads the part before the last dot as a package; GitLab identifies a test case by class and name.
std::string class_of(check_result const& c) {
    auto const& [what, how] = c.target.empty() ? std::tie(c.scenario, c.policy) : std::tie(c.target, c.probe);
    return what + (how.empty() ? "" : "." + how);
}

// One case of the document: a check, or of a check that failed for several defects one of them.
struct junit_case {
    check_result const* of;
    repro::gate_violation const* root = nullptr; // why it failed, null for another reason
    std::string name;
    double seconds = 0;
};

std::vector<junit_case> cases_of(std::vector<check_result> const& all) {
    std::vector<junit_case> cases;
    for (check_result const& c : all) {
        std::vector<repro::gate_violation const*> roots;
        for (repro::gate_violation const& v : c.violations)
            if (c.result == outcome::failed && fails(v)) roots.push_back(&v);
        if (roots.size() < 2) {
            cases.push_back({&c, roots.empty() ? nullptr : roots.front(), c.name, c.seconds});
            continue;
        }
        for (std::size_t i = 0; i < roots.size(); ++i) {
            auto const alike = std::count_if(roots.begin(), roots.begin() + static_cast<std::ptrdiff_t>(i),
                [&](auto const* r) { return r->rule == roots[i]->rule; });
            std::string const number = alike ? " " + std::to_string(alike + 1) : "";
            cases.push_back({&c, roots[i], c.name + ": " + roots[i]->rule + number, i ? 0 : c.seconds});
        }
    }
    return cases;
}

std::string type_of(junit_case const& one) {
    check_result const& c = *one.of;
    if (one.root) return one.root->rule;
    return c.result == outcome::stale ? "stale-baseline" : std::string(name_of(c.result));
}

std::string message_of(junit_case const& one) {
    if (!one.root || one.name == one.of->name) return headline_of(*one.of);
    std::string const before = rules_before(*one.root, *one.of), after = rules_after(*one.root, *one.of);
    return one.root->rule + ": " + one.root->message + (before.empty() ? "" : "; before it: " + before) +
        (after.empty() ? "" : "; and so: " + after);
}

std::string test_case(junit_case const& one) {
    check_result const& c = *one.of;
    std::string const head = "    <testcase" + attribute("classname", class_of(c)) + attribute("name", one.name) +
        attribute("time", seconds(one.seconds));
    std::string const text = lines_of(c);
    if (c.result == outcome::passed)
        return text.empty() ? head + "/>\n"
                            : head + ">\n      <system-out>" + text + "</system-out>\n    </testcase>\n";
    std::string const element = c.result == outcome::inconclusive ? "error" : "failure";
    return head + ">\n      <" + element + attribute("type", type_of(one)) + attribute("message", message_of(one)) +
        ">" + text + "</" + element + ">\n    </testcase>\n";
}

std::string counts(std::vector<junit_case> const& all) {
    auto const of = [&](auto const& which) { return std::to_string(std::ranges::count_if(all, which)); };
    double time = 0;
    for (junit_case const& c : all) time += c.seconds;
    return attribute("tests", std::to_string(all.size())) +
        attribute("failures",
            of([](junit_case const& c) { return c.of->result == outcome::failed || c.of->result == outcome::stale; })) +
        attribute("errors", of([](junit_case const& c) { return c.of->result == outcome::inconclusive; })) +
        attribute("time", seconds(time));
}

} // namespace

std::string as_junit(repro::gate_result const& r) {
    std::vector<check_result> const checks = all_of(r);
    std::vector<junit_case> const all = cases_of(checks);
    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
        attribute("name", "shutdown-repro gate") + counts(all) + ">\n";
    out += "  <testsuite" + attribute("name", r.file.empty() ? "bundled suite" : r.file) + counts(all) +
        attribute("skipped", "0") + ">\n";
    if (!r.file.empty())
        out +=
            "    <properties><property" + attribute("name", "gate") + attribute("value", r.file) + "/></properties>\n";
    for (junit_case const& c : all) out += test_case(c);
    if (r.interrupted) out += "    <system-err>interrupted: further checks were not run</system-err>\n";
    return out + "  </testsuite>\n</testsuites>\n";
}

} // namespace shutdown_repro::cli
