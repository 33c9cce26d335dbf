#include "repro/explore/tally.hpp"
#include <algorithm>

namespace shutdown_repro::repro {

void add_finding(finding& to, finding const& other) {
    to.first = std::min(to.first, other.first);
    to.count += other.count;
    add_causes(to.caused_by, other.caused_by);
    if (shorter(other.shortest, to.shortest)) to.shortest = other.shortest;
}

void tally::add(tally const& other, std::uint64_t offset) {
    done.executions += other.done.executions;
    done.violating += other.done.violating;
    done.longest = std::max(done.longest, other.done.longest);
    begun += other.begun;
    pruned += other.pruned;
    unfinished += other.unfinished;
    for (auto const& [key, f] : other.findings) {
        finding moved = f;
        moved.first += offset;
        auto const [at, fresh] = findings.try_emplace(key, moved);
        if (!fresh) add_finding(at->second, moved);
    }
}

} // namespace shutdown_repro::repro
