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
#include "traces/rules/judge.hpp"

namespace shutdown_repro::programs {

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

inline judged judged_by_name(traces::trace const& t) {
    traces::judgement by = traces::judge(t);
    judged j{by.verdict, {}, {}, by.violations, {}};
    for (traces::violation const& v : by.violations) {
        if (v.level == traces::severity::error) j.errors.insert(std::string(v.rule));
        if (v.level == traces::severity::warning) j.warnings.insert(std::string(v.rule));
        j.messages += std::string(v.rule) + ": " + v.message + "\n";
        for (std::string const& who : v.inside) j.messages += "    " + who + "\n";
    }
    for (std::string const& p : t.problems) j.messages += "problem: " + p + "\n";
    return j;
}

using names = std::set<std::string>;

} // namespace shutdown_repro::programs
