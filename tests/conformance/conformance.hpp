// One execution in terms of the cells.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
#include "repro/sim/execute.hpp"

namespace shutdown_repro::conformance {

using json = nlohmann::json;

struct differences {
    std::vector<std::string> counted, advisory; // advisory: printed, and the cell agrees all the same
};

template <class T> std::string text(T const& v) { return json(v).dump(); }

differences compare_trueasync(json const& cell, repro::simulator&);
differences compare_mojolicious(json const& cell, repro::simulator&);
differences compare_mojolicious_live(json const& cell); // on real sockets and in real time

} // namespace shutdown_repro::conformance
