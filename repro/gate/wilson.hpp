// Wilson's score interval: the confidence interval of a rate counted in a few runs.
//
// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
// Statistical Association 22 (1927), 209-212. With p = violated / of and z = 1.96 (95 %):
//
//     (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)
//
// Unlike the textbook interval it stays within 0 and 1, and for 0 of n it has the useful upper bound z²/(n + z²).
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

interval wilson(rate); // returns 0 to 1 when nothing was counted

// Returns whether the interval of `now` lies above that of `before`, without overlap.
bool worse(rate now, rate before);
// For exact counts: returns whether the share rose. Quotients are rounded correctly, so equal shares compare equal.
inline bool rose(rate now, rate before) {
    return static_cast<double>(now.violated) / static_cast<double>(now.of) >
        static_cast<double>(before.violated) / static_cast<double>(before.of);
}
// Returns the smallest number of clean runs whose upper bound is below the lower bound of `before`; nothing when
// `before` has no violation.
std::optional<std::uint64_t> clean_runs_needed(rate before);

} // namespace shutdown_repro::repro
