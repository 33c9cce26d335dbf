#include "repro/probe/startup.hpp"
#include <csignal>
#include <optional>
#include <vector>
#include "repro/input/errors.hpp"
#include "repro/probe/probe_run.hpp"
#include "traces/clock.hpp"
#include "traces/rules/judge.hpp"

namespace shutdown_repro::repro {

using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr nanoseconds short_glance = millisecond; // steps of a start follow each other quickly

// Nobody connects; the stop comes at a moment of the start.
class stopped_at_start final : public probe_script {
public:
    explicit stopped_at_start(start_moment m) : when_(m) {}
    void open(probe_run&) override {}
    bool in_place(probe_run&) override { return true; }
    std::string missing(probe_run&) const override { return {}; }
    start_moment const* at_start() const override { return &when_; }

private:
    start_moment const when_;
};

// Whether the stop ends a process that had no time to handle it: no signal of which the kernel makes nothing then.
bool ends_a_new_process(target const& t) {
    if (t.stop.by != target::stop_method::signal) return true;
    return !t.pid1 && t.stop.signal != SIGWINCH && t.stop.signal != SIGCHLD && t.stop.signal != SIGURG &&
        t.stop.signal != SIGCONT;
}

std::vector<start_moment> moments_of(target const& t, probe_options const& options) {
    std::vector<start_moment> all{{start_step::fork}, {start_step::output}};
    if (ends_a_new_process(t)) all.insert(all.begin(), {start_step::exec});
    if (!t.startup.log.empty()) all.push_back({start_step::log});
    constexpr int shares = 4;
    nanoseconds const whole = options.controls ? options.controls->at_rest.ready_after : 0;
    for (int i = 1; i < shares && whole >= shares * 10 * millisecond; ++i)
        all.push_back({start_step::time, whole * i / shares});
    all.push_back({start_step::port});
    return all;
}

} // namespace

std::string start_moment::in_words() const {
    switch (step) {
    case start_step::exec: return "right after exec";
    case start_step::fork: return "when it had forked a process";
    case start_step::output: return "at its first line of output";
    case start_step::log: return "at its line of log";
    case start_step::time: return std::to_string(after / millisecond) + " ms after exec";
    case start_step::port: break;
    }
    return "when its port had opened";
}

bool probe_run::reached(start_moment const& when, nanoseconds begun) {
    switch (when.step) {
    case start_step::exec: return true;
    case start_step::fork: story_.tree().update(); return story_.tree().living().size() > 1;
    case start_step::output: return lines_ > 0;
    case start_step::log: return startup_seen_;
    case start_step::time: return traces::monotonic_now() - begun >= when.after;
    case start_step::port: break;
    }
    return port_is_open();
}

void probe_run::stop_at_start() {
    start_moment const& when = *script_->at_start();
    nanoseconds const begun = traces::monotonic_now(), latest = begun + plan_.ready.within_ms * millisecond;
    while (!reached(when, begun)) {
        wait(traces::monotonic_now() + short_glance);
        if (!story_.runs()) return story_.note("the server exited before it was stopped");
        missed_ = traces::monotonic_now() >= latest || (when.step != start_step::port && ready_now());
        if (missed_) return story_.note("the start has no such moment: " + when.in_words());
    }
    tell_to_stop(false);
    stopped_at_ = story_.clock();
    bool ready = false;
    for (nanoseconds const deadline = stopped_at_ + plan_.grace_ms * millisecond;
         story_.runs() && traces::monotonic_now() < deadline;) {
        turn(deadline);
        if (ready || !story_.runs() || !ready_now()) continue;
        ready = true;
        record_ready(1);
        if (readiness_) readiness_->leave();
    }
    // Such as a command that needs a file which the server writes later.
    missed_ = story_.runs() && !why_not_told().empty();
    if (missed_) story_.note("the server was not told to stop: " + why_not_told());
}

traces::trace run_startup(target const& t, probe_options const& options) {
    std::optional<traces::trace> worst;
    for (start_moment const& when : moments_of(t, options)) {
        probe_run run(t, "startup", options, std::make_unique<stopped_at_start>(when));
        traces::trace seen = run.run();
        if (run.missed_its_moment()) continue;
        traces::verdict const verdict = traces::judge(seen).verdict;
        bool const inconclusive_before = worst && !worst->problems.empty();
        if (verdict == traces::verdict::violated || !inconclusive_before) worst = std::move(seen);
        if (verdict == traces::verdict::violated) break;
    }
    if (!worst) throw input_error("no moment of its start was met at which it could be stopped", inconclusive);
    return std::move(*worst);
}

} // namespace shutdown_repro::repro
