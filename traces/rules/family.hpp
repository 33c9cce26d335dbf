// Helpers that the rules share. A rule is a struct with its predicate and info(), its description; the table at the end
// of its file lists it.
#pragma once
#include <algorithm>
#include <type_traits>
#include "traces/rules/rule.hpp"

namespace shutdown_repro::traces {

std::span<rule_info const> scope_rules();
std::span<rule_info const> lifetime_rules();
std::span<rule_info const> memory_rules();
std::span<rule_info const> timer_rules();
std::span<rule_info const> callback_rules();
std::span<rule_info const> loop_rules();
std::span<rule_info const> stop_rules();
std::span<rule_info const> client_rules();
std::span<rule_info const> answer_rules();
std::span<rule_info const> race_rules();
std::span<rule_info const> announce_rules();
std::span<rule_info const> delay_rules();
std::span<rule_info const> time_rules();
std::span<rule_info const> process_rules();
std::span<rule_info const> act_rules();
std::span<rule_info const> unix_path_rules();
std::span<rule_info const> wrapper_rules();
std::span<rule_info const> effect_rules();

template <class R> std::unique_ptr<rule> make() {
    std::unique_ptr<rule> made = std::make_unique<R>();
    made->judges_at_end = !std::is_same_v<decltype(&R::end), decltype(&rule::end)>;
    made->keeps_state = !std::is_same_v<decltype(&R::reset), decltype(&rule::reset)>;
    return made;
}

// "coroutine:5 and 2 more"
std::string names(std::span<ref const>);

// Adds each actor to `inside` of the violation, and the events that led to its state to `witness`. The subject and `at`
// of the violation must be set.
void show(violation&, model const&, std::span<ref const> who);

std::string duration_text(nanoseconds); // "310 ms"

// Whether the process that exits there ended well: with an accepted status, or of a signal that was sent to it.
inline bool ended_well(event const& exit, model const& m) {
    std::string_view const signal = exit.text("signal");
    return signal.empty() ? exit.integer("status") == 0 || exit.integer("accepted") : m.was_sent(signal, exit.id);
}

// Returns what a rule that judges events after the stop lacks: "a stop", or `otherwise` if the trace has one.
inline std::string_view lacks_stop(model const& m, std::string_view otherwise = {}) {
    return m.t0 == no_seq ? "a stop" : otherwise;
}

// The same for rules that also judge acts which the server should survive.
inline std::string_view lacks_act(model const& m, std::string_view otherwise = {}) {
    return m.cause() == no_seq ? "a stop" : otherwise;
}

// "39 ms before the stop", "2 ms after the reload began"
inline std::string moment_text(nanoseconds at, model const& m) {
    nanoseconds const cause = m.cause_at();
    if (at <= cause) return duration_text(cause - at) + " before " + m.cause_text();
    return duration_text(at - cause) + " after " + m.cause_text() + (m.owes_all() ? " began" : "");
}

// A member of a rule that is true of the whole trace or of its main process, and not of one server, loop, scope or
// process among several. Every other member is keyed by whose it is: tests/house finds those that are not.
template <class T> using of_trace = T;

// If the latest end of a lifetime is that of this object, it is a witness: a late call usually concerns such an object.
inline void show_free(violation& v, ref object, model const& m) {
    if (m.latest_freed == object) v.witness.push_back(m.latest_freed_at);
}

// Remembers subjects, so that each is reported only once.
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
