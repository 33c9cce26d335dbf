// What the rules say of a story.
#pragma once
#include <string>
#include <string_view>
#include <vector>
#include "tests/traces/story.hpp"
#include "traces/clock.hpp"
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

inline constexpr nanoseconds ms = millisecond;

inline std::vector<violation> found_in(story const& s, bool complete = true) {
    rule_run run;
    play(s.told, run, complete);
    return run.violations();
}

// Returns why the rule does not apply, or "" if it does.
inline std::string why_not(story const& s, std::string_view rule) {
    rule_run run;
    play(s.told, run);
    for (auto const& n : run.not_applicable())
        if (n.rule->id == rule) return n.why();
    return "";
}

} // namespace shutdown_repro::traces
