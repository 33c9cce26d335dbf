// An act other than a stop: how the server is told, what shows that it took effect, and what must be over in the end.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <unistd.h>
#include "repro/probe/probe_run.hpp"
#include "repro/watch/listening.hpp"

namespace shutdown_repro::repro {

using traces::entity;
using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr nanoseconds act_step = 4 * millisecond;           // of the traffic
constexpr nanoseconds look_at_act_every = 10 * millisecond; // at the processes
constexpr nanoseconds ask_every = 50 * millisecond;         // for the answer that shows the effect
constexpr nanoseconds least_late = 500 * millisecond;       // of that answer: then it is asked for again,
constexpr int times_late = 10;                              // or after so many times the time that it took before
constexpr nanoseconds linger = 400 * millisecond;           // traffic goes on so long when all is over
constexpr nanoseconds without_act = 1'200 * millisecond;    // duration of traffic without an act
constexpr nanoseconds longest_recycle = 30'000 * millisecond;
constexpr std::size_t longest_quote = 200; // of the output of a second instance

bool is_traffic_alone(act_plan const& a) { return a.what == act_kind::recycle || a.what == act_kind::none; }

// Whether the first process should exit, too.
bool replaces_first(act_plan const& a) { return a.what == act_kind::upgrade || a.what == act_kind::successor; }

} // namespace

std::int64_t probe_run::ms_since_effect() const {
    return act_ && act_->effect_at ? (traces::monotonic_now() - act_->effect_at) / millisecond : -1;
}

void probe_run::look_whether_accepted(probe_client& c) const {
    if (socket_row const* const s = server_side(c)) c.was_accepted(s->inode != 0);
}

void probe_run::live_act() {
    prepare();
    start();
    wait_until_ready();
    act_.emplace(story_.tree());
    bool const alone = is_traffic_alone(plan_.act);
    if (alone) begin_act();
    set_the_stage();
    if (story_.noted().empty()) {
        for (std::uint32_t i = 0; i < (alone ? 1 : plan_.act.times); ++i) {
            if (!alone) ask_before();
            if (i) begin_act();
            else if (!alone) script_->stop(*this);
            watch_act();
            if (!act_->effect_at || nobody_lives()) break;
        }
        conclude_act();
    }
    for (auto const& c : clients_) c->give_up();
    story_.kill_all("");
    story_.hear_last_words(traces::monotonic_now());
    if (std::string const why = why_unreadable(); !why.empty()) story_.note(why);
}

bool probe_run::nobody_lives() { return story_.tree().living().empty(); }

std::vector<std::uint64_t> probe_run::accepted_now() const {
    if (!unix_path_.empty()) return accepted_on_path(unix_path_);
    std::vector<std::uint64_t> inodes;
    for (socket_row const& s : sockets())
        if (s.state != socket_row::listen && s.local_port == port_ && s.inode) inodes.push_back(s.inode);
    return inodes;
}

std::vector<std::uint64_t> probe_run::listening_now() const {
    if (!unix_path_.empty()) return listening_on_path(unix_path_);
    std::vector<std::uint64_t> inodes;
    for (socket_row const& s : sockets())
        if (s.state == socket_row::listen && s.local_port == port_) inodes.push_back(s.inode);
    return inodes;
}

bool probe_run::listener_was_closed(nanoseconds since) {
    return act_ && ((act_->listener_closed && act_->listener_closed >= since) || listener_is_gone());
}

bool probe_run::listener_is_gone() {
    sockets_are_new_ = false;
    std::vector<std::uint64_t> const open = listening_now();
    return std::ranges::any_of(
        act_->listening, [&](std::uint64_t inode) { return std::ranges::count(open, inode) == 0; });
}

// --- its beginning ---------------------------------------------------------------------------------------------------

void probe_run::begin_act() {
    act_plan const& plan = plan_.act;
    story_.tree().update();
    sockets_are_new_ = false;
    act_->listening = listening_now();
    act_->processes.begin(act_->listening, accepted_now());
    act_->effect_at = act_->replaced_at = 0;
    act_->clients_before = clients_.size();
    if (plan.order.by == stop_method::signal && story_.runs())
        act_->ignored = disposition_of(addressees().front().pid, plan.order.signal).ignored;
    story_.clock() = traces::monotonic_now();
    {
        bool const is_told = plan.what == act_kind::reload || plan.what == act_kind::upgrade;
        traces::recorder::acting const as_control(story_.recorder(), {entity::control, 1});
        story_.recorder().emit(kind::act_begin, {entity::process, 1}, {},
            {{"act", name_of(plan.what)},
                {"how",
                    is_told                                ? plan.order.in_words()
                        : plan.what == act_kind::successor ? "successor"
                                                           : "traffic"}});
    }
    act_->began = stopped_at_ = story_.clock();
    if (plan.what == act_kind::reload || plan.what == act_kind::upgrade) tell(plan.order);
    if (plan.what == act_kind::successor) start_successor();
}

void probe_run::tell(server_order const& order, bool old_only) {
    if (order.by == stop_method::command) return void(stopping_.emplace_back(run_command(order.command)));
    if (order.by == stop_method::http) {
        stopper_ = std::make_unique<probe_client>(*off_stage_, 1, "");
        stopper_->connect();
        return stopper_->send(request_of(order.http));
    }
    using to = target::receivers;
    if (!story_.runs() && plan_.signal_to == to::first) return;
    std::vector<addressee> all = addressees();
    if (old_only && plan_.signal_to != to::first)
        std::erase_if(all, [this](addressee const& one) { return !act_->processes.is_old(one.id); });
    std::string const signal = signal_name(order.signal); // a field does not keep its text
    std::vector<traces::field> what{{"signal", signal}, {"stop", false}};
    if (plan_.signal_to != to::first) what.push_back({"to", word_of(plan_.signal_to)});
    story_.clock() = traces::monotonic_now();
    for (addressee const& one : all) story_.recorder().emit(kind::process_signal, one.id, {}, what);
    if (plan_.signal_to == to::group && !old_only) return void(::kill(-story_.child().pid(), order.signal));
    for (addressee const& one : all) ::kill(one.pid, order.signal);
}

// Returns how the command or the request of the act failed; "" when it did not.
std::string probe_run::why_order_failed() const {
    for (auto const& h : stopping_)
        if (h->end && h->end->status != 0)
            return "the command ended with " +
                (h->end->status ? "status " + std::to_string(*h->end->status) : signal_name(h->end->signal));
    if (!stopper_) return {};
    if (stopper_->over() && !stopper_->connected()) return "the connection of the request was refused";
    if (stopper_->answered() && stopper_->last_status() / 100 != 2)
        return "the request was answered with status " + std::to_string(stopper_->last_status());
    return {};
}

// Asks for the answer that shows the effect, before the act.
void probe_run::ask_before() {
    act_->before.reset();
    act_->changed = act_->compared = false;
    if (plan_.act.answer.empty()) return;
    ask_for_effect();
    nanoseconds const deadline = traces::monotonic_now() + plan_.ready.within_ms * millisecond;
    while (!act_->asker->answered() && !act_->asker->over() && traces::monotonic_now() < deadline) {
        turn(traces::monotonic_now() + act_step);
        script_->after(*this);
    }
    act_->before = act_->asker->answer();
    act_->answer_took = traces::monotonic_now() - act_->asked_at;
    if (!act_->before)
        story_.note("without the act " + plan_.act.answer + " was not answered, so that it shows nothing");
}

void probe_run::ask_for_effect() {
    act_->asker = std::make_unique<probe_client>(*off_stage_, 1, "");
    act_->asker->connect();
    act_->asker->send({.path = plan_.act.answer});
    act_->asked_at = traces::monotonic_now();
}

// --- its effect ------------------------------------------------------------------------------------------------------

void probe_run::watch_act() {
    for (;;) {
        turn(traces::monotonic_now() + act_step);
        script_->after(*this);
        look_at_act();
        if (nobody_lives() || act_is_over()) return;
    }
}

void probe_run::look_at_act() {
    if (traces::monotonic_now() - act_->looked < look_at_act_every) return;
    act_->looked = traces::monotonic_now();
    story_.tree().update();
    sockets_are_new_ = false;
    if (listener_is_gone()) act_->listener_closed = act_->looked;
    act_->listening = listening_now();
    act_->processes.look(act_->listening, accepted_now());
    for (auto const& c : clients_)
        if (c->waits() && unix_path_.empty()) look_whether_accepted(*c);
    hear_successor();
    if (!plan_.act.answer.empty() && !act_->changed) compare_answer();
    if (!act_->effect_at)
        if (std::string const by = effect_by(); !by.empty()) take_effect(by);
    if (act_->effect_at && !act_->replaced_at && act_->processes.is_replaced(replaces_first(plan_.act)))
        act_->replaced_at = traces::monotonic_now();
}

void probe_run::compare_answer() {
    auto const& answer = act_->asker->answer();
    bool const came = act_->before && answer && act_->asker->answered() && act_->asked_at > act_->began;
    act_->compared |= came;
    act_->changed = came && answer->status / 100 == act_->before->status / 100 &&
        (answer->digest != act_->before->digest || answer->body != act_->before->body);
    bool const asks = !act_->asker->answered() && !act_->asker->over();
    nanoseconds const late = std::max(least_late, times_late * act_->answer_took); // it may never be answered
    nanoseconds const since = traces::monotonic_now() - act_->asked_at;
    if (!act_->changed && since >= (asks ? late : ask_every)) ask_for_effect();
}

// Returns what shows the effect, or "" while nothing does.
std::string probe_run::effect_by() const {
    act_plan const& plan = plan_.act;
    switch (plan.what) {
    case act_kind::recycle: return act_->processes.newcomers() >= plan.times ? "processes" : "";
    case act_kind::none: return traces::monotonic_now() - act_->began >= without_act ? "traffic" : "";
    case act_kind::successor: return successor_serves() ? "successor" : "";
    default: break;
    }
    if (!plan.answer.empty()) return act_->changed ? "answer" : "";
    bool const any = plan.effect.empty();
    if ((any || plan.effect == "processes") && act_->processes.serving()) return "processes";
    if ((any || plan.effect == "exec") && act_->processes.executed()) return "exec";
    bool const socket_counts = plan.effect == "socket" || (any && plan.what == act_kind::reload);
    return socket_counts && act_->processes.has_new_socket() ? "socket" : "";
}

void probe_run::take_effect(std::string const& by) {
    generations const& found = act_->processes;
    traces::ref const serving = found.serving();
    traces::ref const who = by == "exec" ? found.executed() : serving ? serving : found.newcomer();
    story_.clock() = act_->effect_at = traces::monotonic_now();
    story_.recorder().emit(kind::act_effect, who ? who : traces::ref{entity::process, 1}, {},
        {{"act", name_of(plan_.act.what)}, {"by", by}});
    if (plan_.act.then) tell(*plan_.act.then, true);
    if (plan_.act.what == act_kind::successor) tell(plan_.stop, true);
}

// Whether a request that was under way when the act began still waits for its response.
bool probe_run::has_unfinished() const {
    for (std::size_t i = 0; i < std::min(act_->clients_before, clients_.size()); ++i)
        if (clients_[i]->waits() && !clients_[i]->asks_without_end()) return true;
    return false;
}

bool probe_run::act_is_over() const {
    act_plan const& plan = plan_.act;
    if (!act_->effect_at) {
        bool const recycles = plan.what == act_kind::recycle;
        if (successor_is_gone()) return true;
        return traces::monotonic_now() - act_->began >=
            (recycles ? longest_recycle : plan_.ready.within_ms * millisecond);
    }
    nanoseconds since = act_->effect_at;
    if (!is_traffic_alone(plan)) {
        bool const waits = !act_->replaced_at || has_unfinished();
        if (waits && traces::monotonic_now() < act_->effect_at + plan_.grace_ms * millisecond) return false;
        since = std::max(since, act_->replaced_at);
    }
    return traces::monotonic_now() - since >= linger;
}

// --- its end ---------------------------------------------------------------------------------------------------------

void probe_run::conclude_act() {
    script_->close(*this);
    auto const waits = [](auto const& c) {
        return !c->over() && (c->waits() || !c->connected()) && !c->asks_without_end();
    };
    nanoseconds usual = 0; // the longest time that one of the open requests takes without the act
    for (auto const& c : clients_)
        if (waits(c)) usual = std::max(usual, c->usual_time());
    nanoseconds const deadline = traces::monotonic_now() + plan_.grace_ms * millisecond + usual;
    while (std::ranges::any_of(clients_, waits) && traces::monotonic_now() < deadline && !nobody_lives()) {
        turn(traces::monotonic_now() + act_step);
        script_->after(*this);
    }
    if (auto const open = std::ranges::count_if(clients_, waits); open && !nobody_lives())
        story_.note(std::to_string(open) + (open == 1 ? " request was" : " requests were") +
            " neither answered nor refused within " + std::to_string(plan_.grace_ms) + " ms");
    check_that_it_happened();
    look_for_path();
    bool const replaces = act_->effect_at && !is_traffic_alone(plan_.act) && why_order_failed().empty();
    if (replaces && traces::monotonic_now() - act_->effect_at >= plan_.grace_ms * millisecond)
        for (process_tree::member const* m : act_->processes.outlived(replaces_first(plan_.act))) {
            story_.clock() = traces::monotonic_now();
            story_.recorder().emit(kind::process_stuck, m->id, {},
                {{"name", m->name}, {"ms", (traces::monotonic_now() - act_->began) / millisecond}});
        }
    record_end_of_act();
}

void probe_run::record_end_of_act() {
    bool const effect = act_->effect_at != 0;
    std::string const why = effect ? "" : why_without_effect();
    std::string const untold = why_order_failed();
    bool const expected = effect || (untold.empty() && is_effect_expected());
    if (!untold.empty()) story_.note("an order of the " + std::string(name_of(plan_.act.what)) + " failed: " + untold);
    else if (!expected)
        story_.note("whether the " + std::string(name_of(plan_.act.what)) + " took effect can't be told: " + why +
            (plan_.act.answer.empty() ? "; name an answer that changes, with \"answer\" in the act of the target"
                                      : ""));
    story_.record(
        kind::act_end, {{"act", name_of(plan_.act.what)}, {"effect", effect}, {"expected", expected}, {"why", why}});
}

std::string probe_run::why_without_effect() const {
    act_plan const& plan = plan_.act;
    if (story_.tree().living().empty()) return "the server ended" + (story_.end() ? ": " + story_.how_it_ended() : "");
    if (act_->ignored && !is_traffic_alone(plan) && plan.what != act_kind::successor)
        return "process:1 ignores " + plan.order.in_words();
    if (plan.what == act_kind::recycle)
        return std::to_string(act_->processes.newcomers()) + " workers were replaced by the traffic";
    if (plan.what == act_kind::successor && successor_is_gone())
        return "the second instance exited before it served" +
            (act_->successor_last_line.empty() ? "" : ": " + act_->successor_last_line);
    if (plan.what == act_kind::successor) return "the second instance did not begin to serve";
    if (!plan.answer.empty())
        return act_->compared ? "the answer to " + plan.answer + " is the same as before"
                              : plan.answer + " was not answered";
    if (plan.effect == "socket") return "no listening socket was opened";
    if (act_->processes.has_new_image()) return "the process executed a program, which accepted no connection";
    if (plan.effect == "exec") return "no process executed its program again";
    if (plan.effect == "processes" || plan.what == act_kind::upgrade) return "no new process listens";
    return "no new process listens, no process executed its program again, and no listening socket was opened";
}

// A reload may change what a server does without a new process or socket.
bool probe_run::is_effect_expected() const {
    act_plan const& plan = plan_.act;
    if (story_.tree().living().empty()) return true;
    if (plan.what == act_kind::recycle) return plan.requests != 0;
    if (!plan.answer.empty() && !act_->compared) return false;
    return plan.what != act_kind::reload || act_->ignored || !plan.answer.empty() || !plan.effect.empty();
}

// Looks at the Unix path when the first process has exited or its successor listens: then the path should be there.
void probe_run::look_for_path() {
    if (unix_path_.empty() || (story_.runs() && !act_->effect_at)) return;
    bool const there = access(unix_path_.c_str(), F_OK) == 0;
    story_.record(kind::process_path, {{"path", unix_path_}, {"there", there}});
}

// --- a successor -----------------------------------------------------------------------------------------------------

void probe_run::start_successor() {
    act_->successor = std::make_unique<child_process>(server_launch());
    act_->successor->give_away(); // the process tree takes it for one of the server, as it is
    story_.tree().update();
}

// Reads what it says, so that its pipes never fill.
void probe_run::hear_successor() {
    if (!act_->successor) return;
    for (int const fd : {act_->successor->errors(), act_->successor->notes()}) {
        char part[4096];
        for (ssize_t got; (got = read(fd, part, sizeof part)) > 0;)
            act_->successor_said.append(part, static_cast<std::size_t>(got));
    }
    std::string& said = act_->successor_said;
    for (std::size_t end; (end = said.find('\n')) != said.npos; said.erase(0, end + 1)) {
        std::string const line = said.substr(0, end);
        if (log_ && log_->is_in(line)) act_->successor_logged = true;
        if (line.empty()) continue;
        act_->successor_last_line = line.substr(0, longest_quote);
        story_.record(kind::process_stderr, {{"text", line.substr(0, 4096)}, {"output", "successor"}});
    }
}

// A socket that was handed over proves nothing: then it counts that the process accepts.
bool probe_run::successor_serves() const {
    if (log_ && !act_->successor_logged) return false;
    return static_cast<bool>(listener_ && !log_ ? act_->processes.accepting() : act_->processes.newcomer());
}

bool probe_run::successor_is_gone() const {
    if (!act_->successor) return false;
    return std::ranges::none_of(
        story_.tree().living(), [&](auto const* m) { return m->pid == act_->successor->pid(); });
}

} // namespace shutdown_repro::repro
