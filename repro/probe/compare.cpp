#include "repro/probe/compare.hpp"
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>
#include "repro/probe/controls.hpp"
#include "repro/probe/probe_run.hpp"
#include "traces/clock.hpp"
#include "traces/rules/judge.hpp"

namespace shutdown_repro::repro {

using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr std::array<std::string_view, 4> waits_for_clients = {
    "idle-connection-blocks-stop", "silent-connection-blocks-stop", "stream-blocks-stop", "drain-starved"};

bool violates_one_of(traces::trace const& t, std::span<std::string_view const> rules) {
    auto const is_one = [&](traces::violation const& v) { return std::ranges::count(rules, v.rule) > 0; };
    return std::ranges::any_of(traces::judge(t).violations, is_one);
}

void set_details(traces::trace& t, traces::event& of, std::vector<traces::field> const& all) {
    auto const at = &of - t.events.data();
    traces::event changed = of;
    changed.detail = all;
    t.append(changed);
    t.events[static_cast<std::size_t>(at)] = t.events.back();
    t.events.pop_back();
}

void add_details(traces::trace& t, traces::event& to, std::initializer_list<traces::field> more) {
    std::vector<traces::field> all(to.detail.begin(), to.detail.end());
    all.insert(all.end(), more);
    set_details(t, to, all);
}

std::optional<std::size_t> index_of_exit(traces::trace const& t) {
    auto const it = std::ranges::find_if(
        t.events, [](traces::event const& e) { return e.what == kind::process_exit && e.id.number == 1; });
    if (it == t.events.end()) return std::nullopt;
    return static_cast<std::size_t>(it - t.events.begin());
}

// Times after the stop: when the last client left, or the traffic ended, and when the process exited.
struct end_times {
    nanoseconds left = 0, exited = 0;
    bool known = false;
};

end_times end_times_of(traces::trace const& t) {
    end_times out;
    nanoseconds stopped = 0;
    for (traces::event const& e : t.events) {
        bool const stop = e.what == kind::act_stop || (e.what == kind::process_signal && e.integer("stop"));
        if (stop && !stopped) stopped = e.t;
        if (!stopped) continue;
        bool const leaves = e.what == kind::client_leave || e.what == kind::client_closed ||
            e.what == kind::client_fail || (e.what == kind::client_traffic && !e.integer("going"));
        if (leaves) out.left = std::max(out.left, e.t - stopped);
        if (e.what == kind::process_exit && e.id.number == 1) out.exited = e.t - stopped, out.known = true;
    }
    out.left = std::min(out.left, out.exited); // the exit ends connections, too
    return out;
}

// Runs it with clients that leave at another time, and adds to the exit how it moved with them. Returns false when this
// shows nothing.
bool moves_with_clients(traces::trace& seen, std::size_t exit, end_times const& first, target const& t,
    std::string_view probe, probe_options options, std::int64_t leave_at_ms) {
    options.leave_at_ms = leave_at_ms;
    traces::trace const other = probe_run(t, probe, options).run();
    end_times const then = end_times_of(other);
    constexpr nanoseconds least_move = 100 * millisecond; // of the clients: a shorter one is chance
    if (!then.known || !other.problems.empty()) return false;
    if (std::max(first.left, then.left) - std::min(first.left, then.left) < least_move) return false;
    traces::event const before = seen.events[exit];
    add_details(seen, seen.events[exit],
        {{"left_sooner_ns", first.left - then.left}, {"exited_sooner_ns", first.exited - then.exited}});
    if (violates_one_of(seen, waits_for_clients)) return true;
    seen.events[exit] = before;
    return false;
}

// Replaces the time at rest that the trace says.
void set_rest(traces::trace& seen, nanoseconds took) {
    auto const ready =
        std::ranges::find_if(seen.events, [](traces::event const& e) { return e.what == kind::process_ready; });
    if (ready == seen.events.end()) return;
    std::vector<traces::field> all(ready->detail.begin(), ready->detail.end());
    for (traces::field& f : all)
        if (f.key == "rest_ns") f.val = took;
    set_details(seen, *ready, all);
}

// A server that looks for the stop only now and then, or when anything wakes it, seems to exit when a client leaves,
// which wakes it. At rest it takes equally long sometimes. It is stopped at rest until it takes as long as in this
// execution, and the violation is gone, or until chance alone would have shown that: if it looks at regular times, each
// stop at rest is shorter than the longest with the chance longest/exit. Later executions are judged by what was found.
// Returns false when it could not be stopped at rest again, so that chance is still possible.
bool stop_at_rest_again(traces::trace& seen, target const& t, probe_options const& options, nanoseconds exited) {
    constexpr double improbable = 0.03;
    constexpr std::size_t most = 16;
    rest_control& rest = options.controls->at_rest;
    while (violates_one_of(seen, waits_for_clients) && rest.times < most) {
        double const ratio = static_cast<double>(rest.took) / static_cast<double>(std::max(rest.took, exited));
        if (std::pow(ratio, static_cast<double>(rest.times)) < improbable) break;
        rest_control const again = measure_rest(t, options.partial_path);
        if (!again.trouble.empty() || again.killed) return false;
        ++rest.times;
        if (again.took <= rest.took) continue;
        rest.took = again.took;
        set_rest(seen, rest.took);
    }
    return true;
}

void leave_cause_open(traces::trace& seen, traces::event& exit, std::string const& why) {
    add_details(seen, exit, {{"cause_unknown", true}});
    if (!seen.problems.empty()) return;
    seen.problems.push_back(why);
    if (seen.foot) seen.foot->note = why;
}

void compare_leaving(traces::trace& seen, target const& t, std::string_view probe, probe_options const& options) {
    constexpr std::int64_t sooner_ms = 50, later_ms = 1'000;
    if (!options.controls || !violates_one_of(seen, waits_for_clients)) return;
    auto const exit = index_of_exit(seen);
    end_times const first = end_times_of(seen);
    if (!exit || !first.known) return;
    std::string const when = "it exited " + std::to_string(first.exited / millisecond) + " ms after the stop, ";
    if (std::string const& trouble = options.controls->at_rest.trouble; !trouble.empty())
        return leave_cause_open(seen, seen.events[*exit],
            when + "and whether it does so without a client was not measured (" + trouble +
                "): what it waited for is not known");
    if (moves_with_clients(seen, *exit, first, t, probe, options, sooner_ms)) {
        if (stop_at_rest_again(seen, t, options, first.exited)) return;
        return leave_cause_open(seen, seen.events[*exit],
            when + "and a stop without a client could not be measured again: what it waited for is not known");
    }
    // A server that looks rarely exits at the same time; but it can't exit while they stay.
    std::int64_t const later = first.exited / millisecond + later_ms;
    bool const has_time = later + later_ms + options.controls->at_rest.took / millisecond < t.grace_ms;
    if (has_time && moves_with_clients(seen, *exit, first, t, probe, options, later)) return;
    leave_cause_open(seen, seen.events[*exit],
        when +
            "later than without a client, and no other execution showed that the exit moves with the clients: what it "
            "waited for is not known");
}

// Returns the exits of processes that served and were killed by something else than this program.
std::vector<std::size_t> killed_while_serving(traces::trace const& t) {
    std::vector<traces::ref> serving;
    std::vector<std::size_t> exits;
    for (traces::event const& e : t.events) {
        if (e.what == kind::process_signal && e.text("signal") == "SIGKILL") return {};
        if (e.what == kind::process_files && e.integer("listens") && e.id.number != 1) serving.push_back(e.id);
        if (e.what == kind::process_exit && e.text("signal") == "SIGKILL" && std::ranges::count(serving, e.id))
            exits.push_back(static_cast<std::size_t>(&e - t.events.data()));
    }
    return exits;
}

void compare_namespace(traces::trace& seen, target const& t, std::string_view probe, probe_options const& options) {
    static constexpr std::array<std::string_view, 1> outlives = {"wrapper-exits-first"};
    std::vector<std::size_t> const killed = t.pid1 ? killed_while_serving(seen) : std::vector<std::size_t>{};
    if (killed.empty()) return;
    target outside = t;
    outside.pid1 = false;
    if (!violates_one_of(probe_run(outside, probe, options).run(), outlives)) return;
    for (std::size_t const at : killed) add_details(seen, seen.events[at], {{"with_first", true}});
}

} // namespace

void compare_with_another(traces::trace& seen, target const& t, std::string_view probe, probe_options const& options) {
    if (options.leave_at_ms) return; // it is the other one
    compare_leaving(seen, t, probe, options);
    compare_namespace(seen, t, probe, options);
}

} // namespace shutdown_repro::repro
