// How a server of a probe is told to stop: by a signal, a command or a request; and how its processes are frozen.
#include <csignal>
#include "repro/input/errors.hpp"
#include "repro/probe/probe_run.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

using traces::entity;
using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr int most_bursts = 10; // of clients that a server answers before it is stopped
constexpr nanoseconds longest_freeze = 1'000 * millisecond;
constexpr int most_looks = 20; // at how a signal is handled
constexpr nanoseconds between_looks = 3 * millisecond;

} // namespace

std::int64_t probe_run::ms_since_stop() const {
    return stopped_at_ ? (traces::monotonic_now() - stopped_at_) / millisecond : 0;
}

// Looks several times: a loop may block its signal outside of its wait, and then one look finds it blocked.
void probe_run::record_status() {
    if (plan_.stop.by != target::stop_method::signal && !wrong_) return;
    int const signal = wrong_ ? plan_.wrong() : plan_.stop.signal;
    auto const [pid, id] = addressees().front();
    signal_disposition d = disposition_of(pid, signal);
    for (int looks = 1; looks < most_looks && !d.handled() && story_.runs(); ++looks) {
        turn(traces::monotonic_now() + between_looks);
        d = disposition_of(pid, signal);
    }
    std::string const name = signal_name(signal); // the field shows it
    traces::field const what[] = {{"signal", name}, {"caught", d.caught || d.awaited}, {"ignored", d.ignored},
        {"blocked", d.blocked && !d.awaited}, {"awaited", d.awaited}, {"pid1", true}};
    story_.clock() = traces::monotonic_now();
    story_.recorder().emit(kind::process_status, id, {}, std::span(what).first(is_first_of_namespace(pid) ? 6 : 5));
}

void probe_run::stop() {
    bool in_place = stands();
    for (int more = most_bursts; !in_place && more && script_->tries_again(*this); --more) in_place = stands();
    if (!in_place) note_missing();
    if (act_) return begin_act();
    if (has_exited()) story_.note("the server exited before it was stopped");
    tell_to_stop(false);
    stopped_at_ = story_.clock();
    if (control_) control_->release();
}

// Returns the processes that get the signal, the first of them first.
std::vector<probe_run::addressee> probe_run::addressees() {
    using to = target::receivers;
    addressee const first{story_.child().pid(), {entity::process, 1}};
    if (plan_.signal_to == to::first) return {first};
    story_.tree().update();
    std::vector<addressee> all;
    for (process_tree::member const* m : story_.tree().living()) {
        auto const row = find_process(m->pid);
        bool const gets_it = plan_.signal_to == to::all ||
            (plan_.signal_to == to::group ? row && row->group == first.pid
                                          : all.empty() && is_first_of_namespace(m->pid));
        if (gets_it) all.push_back({m->pid, m->id});
    }
    if (all.empty() && plan_.signal_to == to::pid1)
        throw input_error(plan_.name + " was not told to " + (acts_ ? std::string(name_of(plan_.act.what)) : "stop") +
                ": none of its processes is process 1 of a PID namespace; use \"pid1\": true, "
                "or another \"signal_to\"",
            inconclusive);
    return all.empty() ? std::vector{first} : all;
}

// The events get their time before the signal is sent, so that they are never later than its effects.
void probe_run::send_signal(int signal, std::span<traces::field const> detail) {
    std::vector<addressee> const all = addressees();
    std::vector<traces::field> what(detail.begin(), detail.end());
    if (plan_.signal_to != target::receivers::first) what.push_back({"to", word_of(plan_.signal_to)});
    std::string const at_start = script_->at_start() ? script_->at_start()->in_words() : "";
    if (!at_start.empty()) what.push_back({"startup", at_start});
    told_ = all.front().id;
    story_.clock() = traces::monotonic_now();
    for (addressee const& one : all) story_.recorder().emit(kind::process_signal, one.id, {}, what);
    switch (plan_.signal_to) {
    case target::receivers::first: return story_.child().kill(signal);
    case target::receivers::group: return void(::kill(-story_.child().pid(), signal));
    default:
        for (addressee const& one : all) ::kill(one.pid, signal);
    }
}

void probe_run::tell_to_stop(bool second) {
    if (wrong_) {
        std::string const signal = signal_name(plan_.wrong()), right = plan_.stop_in_words();
        traces::field const what[] = {{"signal", signal}, {"stop", true}, {"graceful", false}, {"instead", right},
            {"kept", instead ? instead->kept : 0}, {"lost", instead ? instead->lost : 0}};
        return send_signal(plan_.wrong(), std::span(what).first(instead ? 6 : 4));
    }
    if (plan_.stop.by == target::stop_method::signal) {
        int const signal = second && plan_.second_signal ? plan_.second_signal : plan_.stop.signal;
        std::string const name = signal_name(signal);
        traces::field const again[] = {
            {"signal", name}, {"stop", false}, {"second", true}, {"means", plan_.second_forces ? "force" : "nothing"}};
        traces::field const once[] = {{"signal", name}, {"stop", true}, {"graceful", true}};
        return second ? send_signal(signal, again) : send_signal(signal, once);
    }
    story_.clock() = traces::monotonic_now();
    {
        traces::recorder::acting const as_control(story_.recorder(), {entity::control, 1});
        bool const by_command = plan_.stop.by == target::stop_method::command;
        std::string const at_start = script_->at_start() ? script_->at_start()->in_words() : "";
        std::vector<traces::field> what{{"how", by_command ? "command" : "http"}};
        if (second) what.push_back({"second", true});
        if (!at_start.empty()) what.push_back({"startup", at_start});
        story_.recorder().emit(kind::act_stop, {entity::process, 1}, {}, what);
    }
    plan_.stop.by == target::stop_method::command ? stop_by_command() : stop_by_http();
}

// The command may wait for the server to exit, so this does not wait for the command, unless the server is frozen: then
// the command has to run before it is thawed.
void probe_run::stop_by_command() {
    helper const& command = *stopping_.emplace_back(run_command(plan_.stop.command));
    nanoseconds const deadline = traces::monotonic_now() + longest_freeze;
    while (frozen_ && !command.end && traces::monotonic_now() < deadline) wait(deadline);
}

void probe_run::stop_by_http() {
    stopper_ = std::make_unique<probe_client>(*off_stage_, 1, "");
    stopper_->connect();
    stopper_->send(request_of(plan_.stop.http));
    stopper_->process_events();
}

std::unique_ptr<probe_run::helper> probe_run::run_command(std::vector<std::string> const& command) {
    std::vector<std::string> const words = places_.filled(command);
    std::string const program = find_program(words.front());
    if (program.empty())
        throw input_error("cannot find the program " + words.front() + ", which a command of the target needs");
    auto h = std::make_unique<helper>(
        launch{.path = program, .arguments = {words.begin() + 1, words.end()}, .environment = {story_.mark()}});
    story_.starts_helper(h->process);
    story_.events().watch(h->process.pidfd(), EPOLLIN, *this);
    return h;
}

bool probe_run::signal_again() {
    if (has_exited()) return false;
    tell_to_stop(true);
    return true;
}

void probe_run::traffic(bool going) {
    if (going) traffic_ = {entity::client, ++next_client_};
    story_.clock() = traces::monotonic_now();
    story_.recorder().emit(kind::client_traffic, traffic_, {}, {{"going", going}});
}

// Repeats until processes that were forked meanwhile are stopped, too.
bool probe_run::freeze() {
    process_tree& tree = story_.tree();
    tree.update();
    for (process_tree::member const* m : tree.living()) {
        story_.clock() = traces::monotonic_now();
        story_.recorder().emit(kind::process_signal, m->id, {}, {{"signal", "SIGSTOP"}, {"stop", false}});
    }
    frozen_ = true;
    std::size_t going = 1;
    for (nanoseconds const deadline = traces::monotonic_now() + longest_freeze;
         going && traces::monotonic_now() < deadline;) {
        tree.kill(SIGSTOP);
        wait(std::min(deadline, traces::monotonic_now() + millisecond));
        tree.update();
        going = tree.not_in('T');
    }
    if (going)
        story_.note("SIGSTOP did not stop every process of the server: " + std::to_string(going) + " kept running");
    return going == 0;
}

void probe_run::thaw() {
    for (process_tree::member const* m : story_.tree().living()) {
        story_.clock() = traces::monotonic_now();
        story_.recorder().emit(kind::process_signal, m->id, {}, {{"signal", "SIGCONT"}, {"stop", false}});
    }
    story_.tree().kill(SIGCONT);
    frozen_ = false;
}

} // namespace shutdown_repro::repro
