#include "repro/probe/startup.hpp"
#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>
#include "repro/input/errors.hpp"
#include "repro/probe/probe_run.hpp"
#include "traces/clock.hpp"
#include "traces/rules/judge.hpp"

namespace shutdown_repro::repro {

using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr nanoseconds short_glance = millisecond;        // steps of a start follow each other quickly
constexpr nanoseconds longest_glance = 20 * millisecond; // between two looks; a start may be over after a longer one
constexpr int most_tries = 3;                            // at a moment for which this program came too late

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

bool probe_run::is_ready_with_port() const {
    return plan_.ready.log.empty() && !plan_.ready.workers && !plan_.ready.http && plan_.ready.command.empty();
}

// Waits for the moment. It has come too late for it when the server was ready after a pause of this program.
void probe_run::await_moment(start_moment const& when) {
    nanoseconds const begun = story_.seen().events.front().t;
    nanoseconds const latest = begun + plan_.ready.within_ms * millisecond;
    for (nanoseconds looked = begun;;) {
        bool const here = reached(when, begun);
        nanoseconds const now = traces::monotonic_now();
        bool const paused = now - looked > longest_glance;
        looked = now;
        bool const at_port = when.step == start_step::port;
        if (here) {
            bool const late = paused && !(at_port && is_ready_with_port()) && ready_now();
            moment_ = late ? moment_state::late : moment_state::met;
            return;
        }
        moment_ = moment_state::absent;
        if (now >= latest || (!at_port && ready_now())) return;
        wait(now + short_glance);
        if (!story_.runs()) return story_.note("the server exited before it was stopped");
    }
}

void probe_run::stop_at_start() {
    await_moment(*script_->at_start());
    if (moment_ != moment_state::met) return;
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
    if (story_.runs() && !why_not_told().empty()) moment_ = moment_state::untold;
}

namespace {

// Why the server was not stopped at the moment.
std::string why_not_stopped(moment_state s) {
    switch (s) {
    case moment_state::met: break;
    case moment_state::absent: return "the start has no such moment";
    case moment_state::late: return "it was over when this program, on a busy machine, saw it";
    case moment_state::untold: return "the stop command fails at that moment";
    case moment_state::skipped: return "an earlier one is violated";
    }
    return {};
}

// Writes them into the description of the target, from which moments_of_start() reads them.
void describe(traces::trace& t, std::vector<tried_moment> const& all) {
    auto described = nlohmann::ordered_json::parse(t.head.target);
    auto& list = described["moments"] = nlohmann::ordered_json::array();
    for (tried_moment const& m : all) {
        nlohmann::ordered_json one{{"when", m.when}, {"stopped", m.why_not.empty()}};
        if (!m.why_not.empty()) one["why"] = m.why_not;
        list.push_back(std::move(one));
    }
    t.head.target = described.dump();
}

void add_problem(traces::trace& t, std::string why) {
    if (!t.problems.empty()) return;
    t.problems.push_back(std::move(why));
    if (t.foot) t.foot->note = t.problems.back();
}

} // namespace

std::vector<tried_moment> moments_of_start(traces::trace const& t) {
    std::vector<tried_moment> all;
    auto const described = nlohmann::json::parse(t.head.target, nullptr, false);
    if (!described.is_object() || !described.contains("moments")) return all;
    for (auto const& one : described["moments"]) all.push_back({one.value("when", ""), one.value("why", "")});
    return all;
}

traces::trace run_startup(target const& t, probe_options const& options) {
    std::optional<traces::trace> worst;
    std::vector<tried_moment> tried;
    std::string late;
    bool violated = false;
    for (start_moment const& when : moments_of(t, options)) {
        auto state = violated ? moment_state::skipped : moment_state::late;
        for (int more = most_tries; more && state == moment_state::late; --more) {
            probe_run run(t, "startup", options, std::make_unique<stopped_at_start>(when));
            traces::trace seen = run.run();
            state = run.moment();
            if (state != moment_state::met) continue;
            violated = traces::judge(seen).verdict == traces::verdict::violated;
            if (violated || !worst || worst->problems.empty()) worst = std::move(seen);
        }
        tried.push_back({when.in_words(), why_not_stopped(state)});
        if (state == moment_state::late && late.empty()) late = tried.back().when + ": " + tried.back().why_not;
    }
    if (!worst) throw input_error("no moment of its start was met at which it could be stopped", inconclusive);
    if (!late.empty()) add_problem(*worst, "the server was not stopped " + late);
    describe(*worst, tried);
    return std::move(*worst);
}

} // namespace shutdown_repro::repro
