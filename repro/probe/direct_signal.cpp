// Shows that a signal was not forwarded: the process that serves goes on after the stop of the first process, and ends
// as soon as it gets the signal itself. Nothing else changes meanwhile, as no client is connected.
#include <algorithm>
#include <csignal>
#include "repro/probe/probe_run.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr nanoseconds ends_with_the_first = 1'000 * millisecond; // time for a worker to follow the first process
// Its name now: the process tree has that of the moment when it was forked.
std::string present_name(int pid) {
    auto const row = find_process(pid);
    return row ? row->name : "";
}

constexpr std::int64_t most_direct_ms = 5'000; // time to end after the signal

} // namespace

// Returns the living processes that had the listening socket when the server was ready.
std::vector<probe_run::addressee> probe_run::who_serves() const {
    std::vector<addressee> all;
    for (process_tree::member const* m : story_.tree().living())
        if (std::ranges::count(serving_, m->id)) all.push_back({m->pid, m->id});
    return all;
}

void probe_run::signal_who_serves() {
    bool const to_one = plan_.signal_to == target::receivers::first || plan_.signal_to == target::receivers::pid1;
    bool const could_forward = plan_.stop.by == target::stop_method::signal && to_one && !wrong_;
    if (!script_->signals_who_serves() || !could_forward || std::ranges::count(serving_, told_)) return;
    auto const wait_for_them = [this](nanoseconds patience) {
        nanoseconds const deadline = traces::monotonic_now() + patience;
        while (!who_serves().empty() && traces::monotonic_now() < deadline) turn(deadline);
    };
    if (!story_.runs()) wait_for_them(ends_with_the_first);
    std::vector<addressee> const left = who_serves();
    if (left.empty()) return;
    story_.clock() = traces::monotonic_now();
    for (addressee const& one : left)
        story_.recorder().emit(kind::process_signal, one.id, {},
            {{"signal", signal_name(plan_.stop.signal)}, {"stop", false}, {"direct", true},
                {"name", present_name(one.pid)}});
    for (addressee const& one : left) ::kill(one.pid, plan_.stop.signal);
    wait_for_them(std::min(plan_.grace_ms, most_direct_ms) * millisecond);
}

} // namespace shutdown_repro::repro
