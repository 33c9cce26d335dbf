#include "repro/gate/gate.hpp"
#include <algorithm>

namespace shutdown_repro::repro {

std::string_view name_of(outcome o) {
    switch (o) {
    case outcome::passed: return "passed";
    case outcome::failed: return "failed";
    case outcome::stale: return "stale";
    case outcome::inconclusive: break;
    }
    return "inconclusive";
}

std::string_view name_of(standing s) {
    switch (s) {
    case standing::fresh: return "new";
    case standing::worse: return "worse";
    case standing::known: return "known";
    case standing::excepted: return "excepted";
    case standing::expected: return "expected";
    case standing::follows: return "follows";
    case standing::allowed: break;
    }
    return "allowed";
}

bool is_cause_of(gate_violation const& root, gate_violation const& other) {
    return std::ranges::any_of(other.caused_by,
        [&root](gate_violation::cause const& c) { return c.rule == root.rule && c.fingerprint == root.fingerprint; });
}

void check_result::doubt(std::uint64_t of_trials, std::string const& reason) {
    inconclusive += of_trials;
    if (trouble.empty()) trouble = reason;
}

share share_of_check(share shard, std::size_t k) {
    auto const turned = static_cast<std::uint32_t>(k % shard.count);
    return {(shard.index + shard.count - turned) % shard.count, shard.count};
}

outcome worst_of(gate_result const& r) {
    auto const any = [&](outcome o) {
        return std::ranges::any_of(r.checks, [o](check_result const& c) { return c.result == o; });
    };
    if (any(outcome::failed)) return outcome::failed;
    if (any(outcome::inconclusive) || r.interrupted) return outcome::inconclusive;
    return any(outcome::stale) || !r.stale.empty() ? outcome::stale : outcome::passed;
}

} // namespace shutdown_repro::repro
