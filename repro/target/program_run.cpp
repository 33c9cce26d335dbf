#include "repro/target/program_run.hpp"
#include <algorithm>
#include "repro/input/errors.hpp"
#include "repro/schedule/odometer.hpp"
#include "repro/target/control_socket.hpp"
#include "repro/target/placeholders.hpp"
#include "repro/target/target_trace.hpp"
#include "repro/watch/child_story.hpp"
#include "traces/clock.hpp"
#include "traces/join.hpp"

namespace shutdown_repro::repro {

using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr nanoseconds last_words = 500 * millisecond; // time for children that keep the pipes open

class execution {
public:
    execution(program const& p, program_order const& o) : plan_(p), order_(o) {}
    traces::trace run();

private:
    void live();
    void start();
    void listen_for_points();
    void wait(nanoseconds until);
    traces::trace joined();
    void compare_with_asked(traces::trace&) const;

    program const& plan_;
    program_order const& order_;
    child_story story_;
    std::optional<control_socket> control_;
};

traces::trace execution::run() {
    return story_.tell([this] { live(); }, [this] { return joined(); }, order_.partial_path);
}

void execution::live() {
    start();
    nanoseconds const deadline = traces::monotonic_now() + plan_.within_ms * millisecond;
    while (story_.runs() && traces::monotonic_now() < deadline) wait(deadline);
    if (story_.runs())
        story_.kill_all("the program did not exit by itself: killed after " + std::to_string(plan_.within_ms) + " ms");
    story_.hear_last_words(traces::monotonic_now() + last_words);
    story_.look_for_orphans();
}

void execution::start() {
    placeholders places;
    places.set("port", std::to_string(free_port()));
    places.set("folder", story_.folder());
    places.write(plan_.files, story_.folder());
    listen_for_points();
    target::words environment = places.environment(plan_.environment);
    white_box const inside{.adapter = plan_.adapter,
        .trace = story_.file("target.jsonl"),
        .control = control_ ? story_.file("control") : "",
        .order = order_.order,
        .decisions = order_.decisions};
    for (auto const& [name, text] : environment_of(inside)) environment.push_back(name + "=" + text);
    target::words const command = places.filled(plan_.command);
    story_.start({.path = need_program(command.front(), plan_.package),
        .arguments = {command.begin() + 1, command.end()},
        .environment = environment});
}

void execution::listen_for_points() {
    std::vector<std::string> armed;
    for (std::string const& point : {order_.stop_at, order_.free_at})
        if (!point.empty() && std::ranges::find(armed, point) == armed.end()) armed.push_back(point);
    if (armed.empty()) return;
    control_.emplace(story_.events(), story_.file("control"), armed, [this](control_socket& c, std::string_view point) {
        auto const is = [&](std::string const& wanted) {
            return !wanted.empty() && (point == wanted || point.substr(0, point.find('#')) == wanted);
        };
        if (is(order_.stop_at)) c.tell("stop");
        if (is(order_.free_at)) c.tell("free");
        c.release();
    });
}

void execution::wait(nanoseconds until) {
    story_.wait(control_ ? std::min(until, control_->next_due()) : until);
    if (control_) control_->on_time();
}

traces::trace execution::joined() {
    traces::trace const of_target = read_target_trace(story_.file("target.jsonl"));
    traces::trace all = join(of_target, story_.seen());
    all.head.observes = of_target.head.observes + " process";
    all.head.tool = plan_.adapter + " adapter";
    all.head.target = plan_.described;
    if (control_) {
        control_->target_is_over();
        all.problems.insert(all.problems.end(), control_->problems().begin(), control_->problems().end());
    }
    if (order_.decisions) compare_with_asked(all);
    all.head.schedule = schedule_of(all);
    story_.conclude(all);
    return all;
}

void execution::compare_with_asked(traces::trace& t) const {
    std::vector<taken_decision> const taken = decisions_of(t);
    std::vector<std::uint32_t> const& asked = order_.decisions->choices;
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if ((i < taken.size() ? taken[i].choice : 0) == asked[i]) continue;
        return t.problems.push_back(
            "decision " + std::to_string(i) + " was not taken as scheduled: the program did not offer that choice");
    }
}

} // namespace

program program_of(target const& t, std::vector<std::string> const& arguments) {
    return {.name = t.name,
        .package = t.package,
        .command = t.command,
        .files = t.files,
        .environment = t.environment,
        .adapter = t.adapter,
        .described = to_json_text(t, arguments),
        .within_ms = t.grace_ms};
}

traces::trace run_program(program const& p, program_order const& o) { return execution(p, o).run(); }

bool run_each_order(
    program const& p, std::uint64_t most, std::function<bool(schedule const&, traces::trace const&)> const& seen) {
    std::vector<taken_decision> path;
    for (std::uint64_t n = 0; n < most; ++n) {
        traces::trace const t = run_program(p, {.order = {}, .decisions = schedule_of(path)});
        path = decisions_of(t);
        if (!seen(schedule_of(path), t)) return false;
        if (!advance(path)) return true;
    }
    return false;
}

} // namespace shutdown_repro::repro
