// random: every choice of the environment is drawn uniformly, and stop and free each come at a uniformly drawn step.
// (If they were drawn at each step like the rest, they would nearly always come within the first few steps.)
#include "repro/explore/random.hpp"
#include <algorithm>
#include "repro/explore/strategy.hpp"

namespace shutdown_repro::repro {
namespace {

class random_strategy_ final : public strategy {
public:
    random_strategy_(terrain const& t, std::uint64_t seed) : seed_(seed), steps_(std::max(1u, t.decisions)) {}

    bool begin(std::uint64_t n) override {
        random_ = random_numbers(seed_, n);
        stop_at_ = random_.below(steps_ + 1);
        free_at_ = random_.below(steps_ + 1);
        step_ = 0;
        return true;
    }

    std::uint32_t choose(std::span<server::alternative const> offered) override {
        std::uint32_t const now = step_++;
        auto const natural = static_cast<std::uint32_t>(natural_ones(offered));
        for (std::uint32_t i = natural; i < offered.size(); ++i)
            if (now >= (is_stop(offered[i]) ? stop_at_ : free_at_)) return i;
        return natural > 1 ? random_.below(natural) : 0;
    }

private:
    std::uint64_t seed_;
    std::uint32_t steps_, stop_at_ = 0, free_at_ = 0, step_ = 0;
    random_numbers random_;
};

} // namespace

strategy_info random_strategy() {
    return {
        .name = "random",
        .summary = "draws every choice uniformly, and a uniform step for stop and for free",
        .make = [](terrain const& t, std::uint64_t seed, share) -> std::unique_ptr<strategy> {
            return std::make_unique<random_strategy_>(t, seed);
        },
        .guarantee = [](terrain const&, effort const& e) { return sampled_guarantee(e, "random schedules"); },
        .wants_events = false,
        .draws = true,
    };
}

} // namespace shutdown_repro::repro
