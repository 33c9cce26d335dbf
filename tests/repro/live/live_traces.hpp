// Shared by the tests that run a bundled server live and read its trace.
#pragma once
#include <algorithm>
#include <string>
#include <utility>
#include <vector>
#include "repro/live/live.hpp"
#include "tests/catch.hpp"
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro {

inline repro::live_options with_server(std::string path = SERVER_UNDER_TEST) {
    repro::live_options o;
    o.server_path = std::move(path);
    return o;
}

inline std::size_t count(traces::trace const& t, traces::kind what) {
    return static_cast<std::size_t>(std::ranges::count(t.events, what, &traces::event::what));
}

// Fails the test when the trace has no such event.
inline traces::event const& first(traces::trace const& t, traces::kind what) {
    auto const found = std::ranges::find(t.events, what, &traces::event::what);
    REQUIRE(found != t.events.end());
    return *found;
}

inline std::vector<std::string> broken_rules(traces::trace const& t) {
    traces::rule_run rules;
    rules.on_header(t.head);
    for (traces::event const& e : t.events) rules.put(e);
    if (t.foot) rules.on_footer(*t.foot);
    rules.finish(t.foot && t.problems.empty());
    std::vector<std::string> ids;
    for (traces::violation const& v : rules.violations()) ids.emplace_back(v.rule);
    return ids;
}

} // namespace shutdown_repro
