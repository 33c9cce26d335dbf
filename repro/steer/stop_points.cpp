#include "repro/steer/stop_points.hpp"
#include <algorithm>

namespace shutdown_repro::repro::steer {

bool is_stop_point(std::string_view step) {
    static constexpr std::string_view others[] = {"-again#", ".told-other#", ".timeout#", ".interrupted#", ".handles#"};
    return !step.empty() &&
        std::ranges::none_of(others, [&](std::string_view one) { return step.find(one) != step.npos; });
}

std::vector<stop_point> stop_points_of(traces::trace const& t) {
    std::vector<stop_point> all;
    for (traces::event const& e : t.events) {
        if (e.what == traces::kind::process_signal && e.integer("stop")) break;
        if (std::string const step(e.text("step")); is_stop_point(step))
            all.push_back({step, std::string(e.text("detail"))});
    }
    return all;
}

} // namespace shutdown_repro::repro::steer
