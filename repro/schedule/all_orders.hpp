// Every order of a scenario, one execution after the other: of the decisions that were taken, the last one that has a choice
// left takes it, and what comes after it begins anew.
//
//     all_orders orders;
//     do simulator.run(scenario, orders, trace); while (orders.next());
//
// For what is small: the number of orders is the product of all choices.
#pragma once
#include "repro/schedule/decision.hpp"

namespace shutdown_repro::repro {

class all_orders final : public decision_source {
public:
    std::uint32_t choose(std::span<alternative const>) override;
    bool next(); // after an execution; false: it was the last

private:
    struct decided {
        std::uint32_t choice, of;
    };
    std::vector<decided> path_;
    std::size_t at_ = 0;
};

} // namespace shutdown_repro::repro
