// Runs real programs for the tests of the adapters, and judges their traces.
#pragma once
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <unistd.h>
#include "repro/target/program_run.hpp"
#include "tests/catch.hpp"
#include "tests/skip.hpp"
#include "traces/rules/rule.hpp"

namespace programs {

using namespace shutdown_repro;

// Whether the command succeeds. Used to find out whether a module is installed.
inline bool works(std::string const& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

inline bool skipped(std::string const& probe, char const* package) {
    if (works(probe)) return false;
    tests::skip(std::string(package) + " is not installed");
    return true;
}

inline std::string text_of(std::string const& file) {
    std::ifstream in(std::string(SOURCE_DIR) + "/tests/adapters/" + file);
    REQUIRE(in.good());
    return {std::istreambuf_iterator<char>(in), {}};
}

struct judged {
    traces::verdict verdict;
    std::set<std::string> errors, warnings;
    std::vector<traces::violation> violations;
    std::string messages;
};

inline judged judge(traces::trace const& t) {
    traces::rule_run rules;
    rules.on_header(t.head);
    for (traces::event const& e : t.events) rules.put(e);
    bool const complete = t.foot && t.problems.empty();
    if (t.foot) rules.on_footer(*t.foot);
    rules.finish(complete);
    judged j{traces::judge(rules.violations(), complete), {}, {}, rules.violations(), {}};
    for (traces::violation const& v : rules.violations()) {
        if (v.level == traces::severity::error) j.errors.insert(std::string(v.rule));
        if (v.level == traces::severity::warning) j.warnings.insert(std::string(v.rule));
        j.messages += std::string(v.rule) + ": " + v.message + "\n";
        for (std::string const& who : v.inside) j.messages += "    " + who + "\n";
    }
    for (std::string const& p : t.problems) j.messages += "problem: " + p + "\n";
    return j;
}

using names = std::set<std::string>;

} // namespace programs
