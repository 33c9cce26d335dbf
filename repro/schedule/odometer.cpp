#include "repro/schedule/odometer.hpp"

namespace shutdown_repro::repro {

bool advance(std::vector<taken_decision>& path) {
    while (!path.empty() && path.back().choice + 1 >= path.back().of) path.pop_back();
    if (path.empty()) return false;
    ++path.back().choice;
    return true;
}

std::vector<taken_decision> decisions_of(traces::trace const& t) {
    std::vector<taken_decision> all;
    for (traces::event const& e : t.events)
        if (e.what == traces::kind::decision)
            all.push_back(
                {static_cast<std::uint32_t>(e.integer("choice")), static_cast<std::uint32_t>(e.integer("of"))});
    return all;
}

schedule schedule_of(std::vector<taken_decision> const& decisions) {
    schedule s;
    for (taken_decision const& d : decisions) s.choices.push_back(d.choice);
    return s;
}

std::string schedule_of(traces::trace const& t) {
    schedule const taken = schedule_of(decisions_of(t));
    return taken.choices.empty() ? "" : to_string(taken);
}

} // namespace shutdown_repro::repro
