// How far a rate can be trusted that was counted in a few runs: Wilson's score interval.
//
// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American Statistical
// Association 22 (1927), 209-212. With p = violated / of and z = 1.96 (95 %):
//
//     (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
//
// It stays within 0 and 1 and says something sensible of 0 in n, z²/(n + z²) at most, where the textbook's interval does not.
#pragma once
#include <cstdint>
#include <optional>

namespace shutdown_repro::repro {

struct rate {
    std::uint64_t violated = 0, of = 0;
};
struct interval {
    double low = 0, high = 1;
};

interval wilson(rate); // of nothing: 0 to 1

// Only when the intervals say so: they don't overlap.
bool worse(rate now, rate before);
// Of counts that are no samples: the share rose. Quotients are rounded correctly, so equal shares are equal.
inline bool rose(rate now, rate before) {
    return static_cast<double>(now.violated) / static_cast<double>(now.of) >
        static_cast<double>(before.violated) / static_cast<double>(before.of);
}
// The fewest runs that, all of them clean, have an upper bound below the lower bound of `before`; nothing when `before` never
// violated.
std::optional<std::uint64_t> clean_runs_needed(rate before);

} // namespace shutdown_repro::repro
