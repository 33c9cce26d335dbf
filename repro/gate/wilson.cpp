#include "repro/gate/wilson.hpp"
#include <algorithm>
#include <cmath>

namespace shutdown_repro::repro {

namespace {
constexpr double z = 1.959963984540054; // the normal distribution's 97.5th percentile
constexpr double zz = z * z;
} // namespace

interval wilson(rate r) {
    if (r.of == 0) return {};
    double const n = static_cast<double>(r.of), p = static_cast<double>(r.violated) / n;
    double const middle = p + zz / (2 * n), reach = z * std::sqrt(p * (1 - p) / n + zz / (4 * n * n)),
                 scale = 1 + zz / n;
    return {r.violated == 0 ? 0 : std::max(0.0, (middle - reach) / scale),
        r.violated == r.of ? 1 : std::min(1.0, (middle + reach) / scale)};
}

bool worse(rate now, rate before) { return wilson(now).low > wilson(before).high; }

// 0 of n is at most z²/(n + z²), which is below `low` as soon as n exceeds z²(1/low - 1).
std::optional<std::uint64_t> clean_runs_needed(rate before) {
    double const low = wilson(before).low;
    if (low <= 0) return std::nullopt;
    return static_cast<std::uint64_t>(zz * (1 / low - 1)) + 1;
}

} // namespace shutdown_repro::repro
