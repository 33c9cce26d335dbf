#include "repro/explore/strategy.hpp"
#include <algorithm>
#include <cmath>
#include <cstdio>

namespace shutdown_repro::repro {

using traces::entity;

std::uint32_t connection_of(scenario const& s, traces::ref who) {
    switch (who.type) {
    case entity::client:
    case entity::connection: return who.number;
    case entity::request: return (who.number - 1) / std::max(1u, s.per_connection) + 1;
    default: return 0;
    }
}

std::string with_commas(std::uint64_t n) {
    std::string text = std::to_string(n);
    for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
    return text;
}

std::string sampled_guarantee(effort const& e, std::string_view drawn) {
    if (e.executions == 0 || e.violating > 0) return {};
    double const at_most = 100 * (1 - std::pow(0.05, 1 / static_cast<double>(e.executions)));
    char percent[32];
    std::snprintf(percent, sizeof percent, "%.2g", at_most);
    return with_commas(e.executions) + " independent " + std::string(drawn) + ", none violated: at most " + percent +
        " % of schedules drawn so violate (95 %)";
}

std::span<strategy_info const> all_strategies() {
    static strategy_info const all[] = {
        sweep_strategy(), exhaustive_strategy(), phase_strategy(), pct_strategy(), random_strategy(), plain_strategy()};
    return all;
}

strategy_info const* find_strategy(std::string_view name) {
    auto const all = all_strategies();
    auto const found = std::ranges::find(all, name, &strategy_info::name);
    return found == all.end() ? nullptr : &*found;
}

} // namespace shutdown_repro::repro
