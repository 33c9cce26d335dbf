// sweep: the default order, with stop and free at each of its steps. First it calls stop at every step with free right
// behind it and with free at the end. Then it tries every other pair, spread so that an exploration that ends early has
// covered all of them coarsely (van der Corput's sequence: halves, quarters, eighths and so on).
#include <algorithm>
#include "repro/explore/strategy.hpp"

namespace shutdown_repro::repro {
namespace {

// A permutation of 0 to n-1 that leaves no large gap unvisited for long: bit-reversed counting without the values
// beyond n. It is computed, not stored, because there may be billions of pairs.
class spread {
public:
    explicit spread(std::uint64_t n) : n_(n) {
        while (std::uint64_t{1} << bits_ < n) ++bits_;
    }
    std::uint64_t next() {
        for (;;) {
            std::uint64_t reversed = 0;
            for (unsigned b = 0; b < bits_; ++b) reversed |= (at_ >> b & 1) << (bits_ - 1 - b);
            ++at_;
            if (reversed < n_) return reversed;
        }
    }

private:
    std::uint64_t n_, at_ = 0;
    unsigned bits_ = 0;
};

class sweep final : public strategy {
public:
    explicit sweep(terrain const& t)
        : steps_(std::max(1u, t.decisions)),
          rows_(steps_),
          pairs_(std::uint64_t{steps_} * steps_) {}

    bool begin(std::uint64_t n) override {
        for (; proposed_ <= n; ++proposed_)
            if (!propose()) return false;
        step_ = 0;
        return true;
    }

    std::uint32_t choose(std::span<server::alternative const> offered) override {
        std::uint32_t const now = step_++;
        auto const natural = static_cast<std::uint32_t>(natural_ones(offered));
        bool const stop_offered = natural < offered.size() && is_stop(offered[natural]);
        for (std::uint32_t i = natural; i < offered.size(); ++i) {
            if (is_stop(offered[i]) && now >= stop_at_) return i;
            if (is_free(offered[i]) && now >= free_at_ && (free_first_ || !stop_offered)) return i;
        }
        return 0;
    }

private:
    bool propose() {
        if (proposed_ < 2 * std::uint64_t{steps_}) {
            if (proposed_ % 2 == 0) stop_at_ = static_cast<std::uint32_t>(rows_.next());
            free_at_ = proposed_ % 2 ? last : stop_at_;
            free_first_ = false;
            return true;
        }
        for (; visited_ < std::uint64_t{steps_} * steps_;) {
            ++visited_;
            std::uint64_t const p = pairs_.next();
            stop_at_ = static_cast<std::uint32_t>(p / steps_);
            free_at_ = static_cast<std::uint32_t>(p % steps_);
            if (free_at_ == stop_at_) continue; // tried before
            free_first_ = free_at_ < stop_at_;
            return true;
        }
        return false;
    }

    static constexpr std::uint32_t last = ~0u;
    std::uint32_t steps_;
    spread rows_, pairs_;
    std::uint64_t proposed_ = 0, visited_ = 0;
    std::uint32_t stop_at_ = 0, free_at_ = 0, step_ = 0;
    bool free_first_ = false;
};

std::string sweep_guarantee(terrain const& t, effort const& e) {
    std::uint64_t const n = std::max(1u, t.decisions);
    if (e.violating > 0) return {};
    if (e.complete)
        return "stop and free, each at each of the " + with_commas(n) + " steps of the default order (" +
            with_commas(e.executions) + " pairs): no violation";
    if (e.executions >= 2 * n)
        return "stop at each of the " + with_commas(n) +
            " steps of the default order, free right behind it and at the end: no violation";
    return {};
}

} // namespace

strategy_info sweep_strategy() {
    return {
        .name = "sweep",
        .summary = "the default order, with stop and free at each of its steps",
        .make = [](terrain const& t, std::uint64_t, share) -> std::unique_ptr<strategy> {
            return std::make_unique<sweep>(t);
        },
        .guarantee = sweep_guarantee,
        .wants_events = false,
        .draws = false,
    };
}

} // namespace shutdown_repro::repro
