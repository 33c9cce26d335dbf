// Measures executions per second of the first report's scenario in the simulated world with every rule, and the share
// of the rules. It uses one core.
#include <benchmark/benchmark.h>
#include "repro/sim/execute.hpp"

using namespace shutdown_repro;

namespace {

struct counted final : traces::sink {
    std::int64_t events = 0;
    void put(traces::event const&) override { ++events; }
};

// Counts the events that the rules receive, without a second pass.
struct judged final : traces::sink {
    traces::rule_run rules;
    std::int64_t events = 0;
    void put(traces::event const& e) override {
        ++events;
        rules.put(e);
    }
};

// The default order.
struct in_order final : server::decision_source {
    std::uint32_t choose(std::span<server::alternative const>) override { return 0; }
};

repro::scenario seed(benchmark::State const& state) {
    repro::scenario s = repro::load_scenario("scope-disposal");
    if (state.range(0)) s.scoped().shutdown = server::policy::drained;
    return s;
}

void executions(benchmark::State& state) {
    repro::scenario const s = seed(state);
    repro::simulator sim;
    in_order decisions;
    counted events;
    for (auto _ : state) { sim.run(s, decisions, events); }
    state.SetItemsProcessed(state.iterations());
    state.counters["events"] = static_cast<double>(events.events) / static_cast<double>(state.iterations());
}
BENCHMARK(executions)->ArgName("drained")->Arg(0)->Arg(1);

// Judges like an exploration: without labels, which are needed only for kept executions.
void executions_with_rules(benchmark::State& state, bool words) {
    repro::scenario const s = seed(state);
    repro::simulator sim;
    in_order decisions;
    judged all;
    if (!words) all.rules.without_words();
    std::size_t violations = 0;
    for (auto _ : state) {
        all.rules.reset();
        sim.run(s, decisions, all);
        all.rules.finish(true);
        violations += all.rules.violations().size();
    }
    if ((violations == 0) != (state.range(0) == 1)) state.SkipWithError("the verdict is wrong");
    state.SetItemsProcessed(state.iterations());
    state.counters["events"] = static_cast<double>(all.events) / static_cast<double>(state.iterations());
}
BENCHMARK_CAPTURE(executions_with_rules, verdicts, false)->ArgName("drained")->Arg(0)->Arg(1);
BENCHMARK_CAPTURE(executions_with_rules, words, true)->ArgName("drained")->Arg(0)->Arg(1);

} // namespace
