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

std::string type_of(check_result const& c) {
    if (c.result == outcome::failed)
        for (repro::gate_violation const& v : c.violations)
            if (fails(v)) return v.rule;
    return c.result == outcome::stale ? "stale-baseline" : std::string(name_of(c.result));
}

std::string test_case(check_result const& c) {
    std::string const head = "    <testcase" + attribute("classname", class_of(c)) + attribute("name", c.name) +
        attribute("time", seconds(c.seconds));
    std::string const text = lines_of(c);
    if (c.result == outcome::passed)
        return text.empty() ? head + "/>\n"
                            : head + ">\n      <system-out>" + text + "</system-out>\n    </testcase>\n";
    std::string const element = c.result == outcome::inconclusive ? "error" : "failure";
    return head + ">\n      <" + element + attribute("type", type_of(c)) + attribute("message", headline_of(c)) + ">" +
        text + "</" + element + ">\n    </testcase>\n";
}

std::string counts(std::vector<check_result> const& all) {
    auto const of = [&](auto const& which) { return std::to_string(std::ranges::count_if(all, which)); };
    double time = 0;
    for (check_result const& c : all) time += c.seconds;
    return attribute("tests", std::to_string(all.size())) +
        attribute("failures",
            of([](check_result const& c) { return c.result == outcome::failed || c.result == outcome::stale; })) +
        attribute("errors", of([](check_result const& c) { return c.result == outcome::inconclusive; })) +
        attribute("time", seconds(time));
}

} // namespace

std::string as_junit(repro::gate_result const& r) {
    std::vector<check_result> const all = all_of(r);
    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
        attribute("name", "shutdown-repro gate") + counts(all) + ">\n";
    out += "  <testsuite" + attribute("name", r.file.empty() ? "bundled suite" : r.file) + counts(all) +
        attribute("skipped", "0") + ">\n";
    if (!r.file.empty())
        out +=
            "    <properties><property" + attribute("name", "gate") + attribute("value", r.file) + "/></properties>\n";
    for (check_result const& c : all) out += test_case(c);
    if (r.interrupted) out += "    <system-err>interrupted: further checks were not run</system-err>\n";
    return out + "  </testsuite>\n</testsuites>\n";
}

} // namespace shutdown_repro::cli
