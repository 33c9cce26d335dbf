// What the tests of steering share: small servers of our own, and what is read from a trace.
#pragma once
#include <algorithm>
#include <string>
#include <vector>
#include "repro/steer/steered_run.hpp"
#include "repro/steer/stop_points.hpp"
#include "tests/catch.hpp"
#include "traces/rules/judge.hpp"

namespace shutdown_repro::tests {

// The small server (servers/small_server.cpp) that waits in this way.
inline repro::target small_server(std::string const& way) {
    repro::target t = repro::target_from_command({SMALL_SERVER, way, "{port}", "{backend}"});
    t.slow.path = "/slow";
    t.grace_ms = 3'000;
    return t;
}

inline repro::target hostile_steered(std::string const& way) {
    repro::target t = repro::target_from_command({HOSTILE_STEERED, way, "{port}"});
    t.grace_ms = 1'000;
    t.ready.within_ms = 3'000;
    return t;
}

// The names of its stop points, in order.
inline std::vector<std::string> steps_of(traces::trace const& t) {
    std::vector<std::string> names;
    for (repro::steer::stop_point const& p : repro::steer::stop_points_of(t)) names.push_back(p.step);
    return names;
}

// The names of all its steps, also of those after the stop.
inline std::vector<std::string> all_steps_of(traces::trace const& t) {
    std::vector<std::string> names;
    for (traces::event const& e : t.events)
        if (e.find("step")) names.emplace_back(e.text("step"));
    return names;
}

inline std::string broken_rules(traces::trace const& t) {
    std::string rules;
    for (traces::violation const& v : traces::judge(t).violations)
        rules += (rules.empty() ? "" : " ") + std::string(v.rule);
    return rules;
}

inline std::string first_problem(traces::trace const& t) { return t.problems.empty() ? "" : t.problems.front(); }

} // namespace shutdown_repro::tests
