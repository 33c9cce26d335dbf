// Known values: R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
// (1998), table I, method 3, which is Wilson's.
#include "repro/gate/wilson.hpp"
#include "tests/catch.hpp"

using namespace shutdown_repro::repro;

TEST_CASE("Wilson's intervals agree with the literature") {
    struct {
        rate of;
        double low, high;
    } const known[] = {
        {{81, 263}, 0.2553, 0.3662}, {{15, 148}, 0.0624, 0.1605}, {{0, 20}, 0.0, 0.1611}, {{1, 29}, 0.0061, 0.1718}};
    for (auto const& k : known) {
        interval const i = wilson(k.of);
        INFO(k.of.violated << " of " << k.of.of << ": " << i.low << " to " << i.high);
        CHECK(std::abs(i.low - k.low) < 0.00005);
        CHECK(std::abs(i.high - k.high) < 0.00005);
    }
}

TEST_CASE("an interval lies within 0 and 1, covers both when nothing was counted, and is symmetric") {
    CHECK(wilson({0, 0}).low == 0);
    CHECK(wilson({0, 0}).high == 1);
    for (std::uint64_t n = 1; n < 60; ++n)
        for (std::uint64_t k = 0; k <= n; ++k) {
            interval const i = wilson({k, n}), mirrored = wilson({n - k, n});
            double const p = static_cast<double>(k) / static_cast<double>(n);
            CHECK((0 <= i.low && i.low <= p && p <= i.high && i.high <= 1));
            CHECK(std::abs(i.low - (1 - mirrored.high)) < 1e-12);
        }
}

TEST_CASE("a rate is worse only when the intervals do not overlap") {
    CHECK(worse({20, 20}, {3, 20}));
    CHECK_FALSE(worse({6, 20}, {3, 20}));
    CHECK_FALSE(worse({3, 20}, {20, 20}));
    CHECK_FALSE(worse({3, 3}, {1, 3}));
    CHECK(worse({300, 3000}, {100, 3000}));
}

TEST_CASE("the number of clean runs needed is the smallest whose upper bound is below the old lower bound") {
    for (rate const before : {rate{1, 1}, {1, 20}, {3, 20}, {10, 20}, {20, 20}, {1, 10'000}}) {
        auto const needed = clean_runs_needed(before);
        REQUIRE(needed);
        INFO(before.violated << " of " << before.of << ": " << *needed);
        CHECK(wilson({0, *needed}).high < wilson(before).low);
        CHECK((*needed == 1 || wilson({0, *needed - 1}).high >= wilson(before).low));
    }
    CHECK(clean_runs_needed({1, 1}) == 15);
    CHECK_FALSE(clean_runs_needed({0, 20}));
}
