// pct: probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte: A randomized scheduler with
// probabilistic guarantees of finding bugs, ASPLOS 2010).
//
// Each actor has a random priority, and the actor with the highest priority always takes its step. At d - 1 random
// steps of an assumed k, the actor that would step falls below all others. An execution then hits a violation that
// needs d ordering constraints with a probability of at least 1 / (n k^(d-1)) for n actors, as long as no execution
// takes more than k steps.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>
#include "repro/explore/random.hpp"
#include "repro/explore/strategy.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::uint32_t depth = 3;
constexpr std::uint32_t others = 4; // actors besides the connections: the server, the world, stop, free

std::uint32_t actors(terrain const& t) { return t.connections + others; }
// Stop and free add steps of their own to those of the default order.
std::uint64_t assumed_steps(terrain const& t) { return t.decisions + t.decisions / 2 + 8; }

class pct final : public strategy {
public:
    pct(terrain const& t, std::uint64_t seed) : of_(t), seed_(seed), priority_(actors(t)) {}

    bool begin(std::uint64_t n) override {
        random_ = random_numbers(seed_, n);
        for (std::uint32_t i = 0; i < priority_.size(); ++i) priority_[i] = static_cast<std::int64_t>(i);
        for (std::uint32_t i = static_cast<std::uint32_t>(priority_.size()); i > 1; --i)
            std::swap(priority_[i - 1], priority_[random_.below(i)]);
        for (auto& c : change_at_) c = random_.below(static_cast<std::uint32_t>(assumed_steps(of_)));
        lowest_ = 0;
        step_ = 0;
        return true;
    }

    std::uint32_t choose(std::span<server::alternative const> offered) override {
        std::uint64_t const now = step_++;
        for (std::uint64_t const c : change_at_)
            if (c == now) priority_[actor(offered[highest(offered)])] = --lowest_;
        return highest(offered);
    }

private:
    std::size_t actor(server::alternative const& a) const {
        if (is_stop(a)) return 2;
        if (is_free(a)) return 3;
        if (std::uint32_t const c = connection_of(*of_.of, a.who); c > 0 && c <= of_.connections) return others + c - 1;
        return a.who.type == traces::entity::world ? 1 : 0;
    }
    std::uint32_t highest(std::span<server::alternative const> offered) const {
        auto const best =
            std::ranges::max_element(offered, {}, [this](server::alternative const& a) { return priority_[actor(a)]; });
        return static_cast<std::uint32_t>(best - offered.begin());
    }

    terrain const& of_;
    std::uint64_t seed_, step_ = 0;
    std::int64_t lowest_ = 0;
    std::vector<std::int64_t> priority_;
    std::array<std::uint64_t, depth - 1> change_at_{};
    random_numbers random_;
};

std::string pct_guarantee(terrain const& t, effort const& e) {
    double const k = static_cast<double>(assumed_steps(t));
    if (e.executions == 0 || e.violating > 0 || static_cast<double>(e.longest) > k) return {};
    double const one = 1 / (actors(t) * std::pow(k, depth - 1));
    double const found = 100 * (1 - std::pow(1 - one, static_cast<double>(e.executions)));
    char text[160];
    std::snprintf(text, sizeof text,
        "a violation of depth %u would have been found with probability %.2g %% or more (PCT: %u actors, %.0f steps)",
        depth, found, actors(t), k);
    return text;
}

} // namespace

strategy_info pct_strategy() {
    return {
        .name = "pct",
        .summary =
            "random priorities that change at two random steps; states the probability of finding a bug of depth 3",
        .make = [](terrain const& t, std::uint64_t seed, share) -> std::unique_ptr<strategy> {
            return std::make_unique<pct>(t, seed);
        },
        .guarantee = pct_guarantee,
        .wants_events = false,
        .draws = true,
    };
}

} // namespace shutdown_repro::repro
