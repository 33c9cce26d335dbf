// What the rules share. A rule is a struct with its predicate and, beside it, info() with its description; the table at
// the end of its file names it. Nothing else has to know.
#pragma once
#include <algorithm>
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

std::span<rule_info const> lifetime_rules();
std::span<rule_info const> loop_rules();
std::span<rule_info const> stop_rules();
std::span<rule_info const> client_rules();
std::span<rule_info const> race_rules();
std::span<rule_info const> announce_rules();
std::span<rule_info const> time_rules();
std::span<rule_info const> process_rules();

template <class R> std::unique_ptr<rule> make() { return std::make_unique<R>(); }

// "coroutine:5 and 2 more"
std::string names(std::span<ref const>);

// Puts each into the violation's `inside`, and the events that made it what it is into its `witness`. Call it with the
// violation's subject and `at` set.
void show(violation&, model const&, std::span<ref const> who);

std::string duration_text(nanoseconds); // "310 ms"

// For rules that judge what comes after a stop.
inline std::string_view lacks_stop(model const& m, std::string_view otherwise = {}) {
    return m.t0 == no_seq ? "a stop" : otherwise;
}

// Something that is reported once for each subject.
class once {
public:
    bool first(ref r) {
        auto const at = std::lower_bound(seen_.begin(), seen_.end(), r);
        if (at != seen_.end() && *at == r) return false;
        seen_.insert(at, r);
        return true;
    }
    bool has(ref r) const { return std::binary_search(seen_.begin(), seen_.end(), r); }
    void clear() { seen_.clear(); }

private:
    std::vector<ref> seen_;
};

} // namespace shutdown_repro::traces
