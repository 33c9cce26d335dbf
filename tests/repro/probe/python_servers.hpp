// Targets that are small servers in Python, in tests/repro/probe/servers.
#pragma once
#include <string>
#include <vector>
#include "repro/probe/controls.hpp"
#include "repro/probe/probe.hpp"
#include "repro/target/target.hpp"
#include "tests/repro/probe/probe_tools.hpp"
#include "tests/skip.hpp"

namespace shutdown_repro::tests {

constexpr std::uint32_t few = 4; // connections

// Returns the server `name` with its arguments after the port. The grace leaves time for a loaded machine.
inline repro::target python_server(std::string const& name, std::vector<std::string> arguments = {}) {
    repro::target t;
    t.name = name;
    t.command = {"python3", SOURCE_DIR "/tests/repro/probe/servers/" + name + ".py", "{port}"};
    t.command.insert(t.command.end(), arguments.begin(), arguments.end());
    t.environment = {{"PYTHONDONTWRITEBYTECODE", "1"}};
    t.slow.path = "/slow";
    t.grace_ms = 20'000;
    t.ready.within_ms = 30'000;
    return t;
}

inline bool have_python() {
    if (!repro::find_program("python3").empty()) return true;
    skip("python3 is not installed");
    return false;
}

// A judged execution: its facts, the rules that it violates, and its verdict.
struct judged_probe {
    traces::trace trace;
    probe_facts facts;
    std::vector<std::string> rules, messages;
    traces::verdict verdict = traces::verdict::clean;
    bool breaks(std::string_view rule) const { return std::ranges::count(rules, rule) > 0; }
};

inline judged_probe judged(traces::trace&& t) {
    judged_probe p{std::move(t), {}, {}, {}};
    p.facts = facts_of(p.trace);
    traces::judgement const by = traces::judge(p.trace);
    for (traces::violation const& v : by.violations) p.rules.emplace_back(v.rule), p.messages.push_back(v.message);
    p.verdict = by.verdict;
    return p;
}

inline judged_probe probed(repro::target const& t, std::string_view probe, std::uint32_t connections = few) {
    judged_probe p = judged(repro::run_probe(t, probe, {.connections = connections}));
    CHECK(nobody_left());
    std::string all;
    for (std::string const& m : p.messages) all += m + "\n";
    UNSCOPED_INFO(t.name << " " << probe << ": " << p.facts.answered << " answered, " << p.facts.lost << " lost, "
                         << p.facts.end << " " << p.facts.note << "\n"
                         << all);
    return p;
}

// The traffic across the act of the target, with its controls.
inline judged_probe acted(repro::target const& t, std::string_view probe = "traffic") {
    std::string const name(probe);
    repro::target_controls controls = repro::measure_controls(t, {&name, 1});
    judged_probe p = judged(repro::run_probe(t, probe, {.connections = few, .controls = &controls}));
    CHECK(nobody_left());
    std::string all = p.facts.note + "\n";
    for (std::string const& m : p.messages) all += m + "\n";
    UNSCOPED_INFO(t.command.back() << ": " << all << p.facts.said);
    return p;
}

// Returns what showed the effect of the act, or "".
inline std::string effect_of(judged_probe const& p) {
    for (traces::event const& e : p.trace.events)
        if (e.what == traces::kind::act_effect) return std::string(e.text("by"));
    return {};
}

} // namespace shutdown_repro::tests
