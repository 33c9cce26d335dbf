// Random numbers of an exploration: a function of (seed, number of the execution), so that what is tried does not
// depend on the number of threads. SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators,
// OOPSLA 2014).
#pragma once
#include <cstdint>

namespace shutdown_repro::repro {

class random_numbers {
public:
    random_numbers() = default;
    random_numbers(std::uint64_t seed, std::uint64_t execution) : state_(mixed(mixed(seed) + execution)) {}

    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15u;
        return mixed(state_);
    }
    // Returns a number from 0 to n-1; n must be greater than 0.
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>((next() >> 32) * n >> 32); }
    bool coin() { return next() >> 63; }

private:
    static std::uint64_t mixed(std::uint64_t z) {
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        return z ^ z >> 31;
    }
    std::uint64_t state_ = 0;
};

} // namespace shutdown_repro::repro
