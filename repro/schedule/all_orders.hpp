// Enumerates every order of a scenario, one execution after the other, in depth-first order (odometer.hpp).
//
//     all_orders orders;
//     do simulator.run(scenario, orders, trace); while (orders.next());
//
// Suitable for small scenarios only: the number of orders is the product of the numbers of choices.
#pragma once
#include "repro/schedule/odometer.hpp"

namespace shutdown_repro::repro {

class all_orders final : public server::decision_source {
public:
    std::uint32_t choose(std::span<server::alternative const>) override;
    bool next(); // call after each execution; returns false after the last order

private:
    std::vector<taken_decision> path_;
    std::size_t at_ = 0;
};

} // namespace shutdown_repro::repro
