#include "repro/steer/compare_steps.hpp"
#include <algorithm>
#include <map>
#include <set>
#include <vector>
#include "repro/steer/exactness.hpp"

namespace shutdown_repro::repro::steer {
namespace {

using step_list = std::vector<std::string>;

std::optional<step_difference> first_difference(std::string of, step_list const& recorded, step_list const& again) {
    auto const [a, b] = std::ranges::mismatch(recorded, again);
    if (a == recorded.end() && b == again.end()) return std::nullopt;
    return step_difference{std::move(of), a == recorded.end() ? "" : *a, b == again.end() ? "" : *b};
}

std::map<std::string, step_list> steps_by_connection(traces::trace const& t) {
    std::map<std::string, step_list> each;
    for (std::string const& name : named_steps(t))
        if (is_of_connection(name)) each[name.substr(0, name.find('.'))].push_back(name);
    return each;
}

} // namespace

std::optional<step_difference> difference_by_connection(traces::trace const& recorded, traces::trace const& again) {
    auto before = steps_by_connection(recorded), now = steps_by_connection(again);
    std::set<std::string> all;
    for (auto const* side : {&before, &now})
        for (auto const& [connection, steps] : *side) all.insert(connection);
    for (std::string const& connection : all)
        if (auto d = first_difference(connection, before[connection], now[connection])) return d;
    return std::nullopt;
}

std::optional<step_difference> difference_in_all(traces::trace const& recorded, traces::trace const& again) {
    return first_difference("", named_steps(recorded), named_steps(again));
}

} // namespace shutdown_repro::repro::steer
