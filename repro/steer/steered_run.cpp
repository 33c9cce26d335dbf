#include "repro/steer/steered_run.hpp"
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sys/resource.h>
#include "repro/input/errors.hpp"
#include "repro/input/pattern.hpp"
#include "repro/steer/cast.hpp"
#include "repro/steer/filtered_start.hpp"
#include "repro/steer/possible_steps.hpp"
#include "repro/steer/stop_points.hpp"
#include "repro/steer/supervisor.hpp"
#include "repro/target/placeholders.hpp"
#include "repro/watch/child_story.hpp"
#include "repro/watch/listening.hpp"
#include "repro/watch/socket_table.hpp"

namespace shutdown_repro::repro::steer {

using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr nanoseconds short_nap = millisecond / 5, idle_nap = millisecond;
constexpr nanoseconds settled = 15 * millisecond;      // a server that is ready does nothing for that long
constexpr nanoseconds patience = 400 * millisecond;    // of clients, when the server does nothing
constexpr nanoseconds computing = 2'000 * millisecond; // a thread that computes longer than that is not waited for
constexpr nanoseconds spinning = 300 * millisecond;    // the same for one that makes one call after the other
constexpr std::uint64_t many_calls = 200;
constexpr nanoseconds orphans_have = 1'000 * millisecond;
constexpr nanoseconds longest = 60'000 * millisecond; // of an execution until its stop

nanoseconds right_now() { return traces::monotonic_now(); }

// What an exit waited for is inferred from times, and here they are those of the steps that were let go. Only a
// comparison with an execution whose clients leave at another time could show it.
traces::trace with_unknown_cause(traces::trace const& seen) {
    traces::trace t;
    for (traces::event e : seen.events) {
        std::vector<traces::field> detail(e.detail.begin(), e.detail.end());
        if (e.what == kind::process_exit && e.id.number == 1) detail.push_back({"cause_unknown", true});
        e.detail = detail;
        t.append(e);
    }
    return t;
}

class steered_run {
public:
    steered_run(target const& t, steer_options const& o) : plan_(t), options_(o), stop_first_(o.stop_first) {}
    traces::trace run() {
        return story_.tell([this] { live(); }, [this] { return seen_so_far(); }, options_.partial_path);
    }

private:
    void live();
    void prepare();
    void start();
    void wait_until_ready();
    bool ready_now();
    bool answers();
    [[noreturn]] void did_not_start(std::string const& why);
    void drain();
    void nap(nanoseconds);
    void steer();
    bool is_over();
    bool waits_for_quiet();
    void step(std::vector<possible_step> const&);
    void idle();
    void idle_in_order();
    std::vector<std::string> acts_offered(std::vector<std::string> const& possible);
    std::string choose(std::string const& step, std::vector<std::string> const& options);
    void record_decision(
        traces::ref who, std::size_t choice, std::vector<std::string> const& options, std::string_view at);
    void act_now(std::string const& act);
    bool acts_before(std::string const& step, possible_step const&);
    void stop(std::string const& at);
    void end();
    traces::trace seen_so_far();

    target const& plan_;
    steer_options const& options_;
    child_story story_;
    placeholders places_;
    std::optional<slow_backend> backend_;
    std::optional<client_stage> stage_, off_stage_;
    traces::trace unseen_; // events of the client that asks whether the server is ready
    traces::recorder unrecorded_{unseen_, story_.clock()};
    std::optional<supervisor> supervisor_;
    std::unique_ptr<probe_client> readiness_;
    std::optional<cast> cast_;
    step_order order_;
    std::optional<pattern> log_;
    bool log_seen_ = false;
    std::uint16_t port_ = 0;
    std::optional<nanoseconds> stopped_at_, idle_since_, busy_since_, exited_at_;
    std::uint64_t calls_then_ = 0; // received when it became busy
    nanoseconds begun_ = 0;
    std::uint32_t decisions_ = 0;
    bool left_ = false, by_force_ = false;
    // With a chooser: the acts that were offered together with the latest act, and that act; "" after a step.
    std::vector<std::string> offered_;
    std::string latest_act_;
    bool stop_first_ = false, waits_on_ = false; // waits_on_: it was asked, and time may pass
};

void steered_run::live() {
    prepare();
    start();
    wait_until_ready();
    begun_ = right_now();
    supervisor_->set(supervisor::mode::steering);
    steer();
    end();
}

// --- the start -------------------------------------------------------------------------------------------------------

void steered_run::prepare() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (plan_.uses_backend()) backend_.emplace(story_.events());
    port_ = plan_.port ? plan_.port : free_port();
    places_.set("port", std::to_string(port_));
    places_.set("folder", story_.folder());
    if (backend_) places_.set("backend", std::to_string(backend_->port()));
    if (!plan_.ready.log.empty()) log_.emplace(plan_.ready.log);
    story_.on_line = [this](std::string_view line) {
        if (log_ && !log_seen_) log_seen_ = log_->is_in(line);
    };
    if (listening_inode(port_))
        throw input_error(
            "port " + std::to_string(port_) + " is already in use; stop the process that listens on it", inconclusive);
    places_.write(plan_.files, story_.folder());
    stage_.emplace(client_stage{port_, story_.recorder(), story_.clock(), story_.events()});
    off_stage_.emplace(client_stage{port_, unrecorded_, story_.clock(), story_.events()});
    cast_.emplace(*stage_, plan_, backend_ ? &*backend_ : nullptr);
}

void steered_run::start() {
    std::vector<std::string> const command = places_.filled(plan_.command);
    std::string const program = need_program(command.front(), plan_.package);
    std::vector<std::string> environment{"PYTHONHASHSEED=0", "PERL_HASH_SEED=0", "PERL_PERTURB_KEYS=0"};
    std::ranges::copy(places_.environment(plan_.environment), std::back_inserter(environment));
    filtered_start filtered(story_.tree());
    std::string const name = std::filesystem::path(program).filename().string();
    story_.start({.path = program,
                     .arguments = {command.begin() + 1, command.end()},
                     .environment = environment,
                     .speaks = true,
                     .hook = &filtered},
        {{"name", name}, {"grace", plan_.grace_ms}, {"steered", true}}, plan_.exit);
    supervisor_.emplace(
        story_, filtered.take_listener(), port_, backend_ ? backend_->port() : std::uint16_t{0},
        [this](std::uint16_t port) { return cast_->client_at(port); },
        [this](std::uint32_t client) {
            probe_client const* const c = cast_->client(client);
            return c ? asked_request{c->current_request(), c->bytes_sent()} : asked_request{};
        });
    places_.set("pid", std::to_string(story_.child().pid()));
}

// Nothing is steered yet, but waits are parked already: a thread that waits in the kernel can't be parked any more.
void steered_run::wait_until_ready() {
    nanoseconds const deadline = right_now() + plan_.ready.within_ms * millisecond;
    nanoseconds quiet_since = 0; // 0 while it is not quiet
    for (;;) {
        nap(quiet_since ? idle_nap : 0);
        if (!story_.runs()) did_not_start(story_.how_it_ended());
        if (right_now() > deadline)
            did_not_start("it did not become ready within " + std::to_string(plan_.ready.within_ms) + " ms" +
                (supervisor_->busy().empty() ? "" : "; " + supervisor_->busy()));
        supervisor_->receive();
        supervisor_->let_signals_in();
        if (auto const possible = order_.possible(*supervisor_); !possible.empty()) {
            held_call& c = *possible.front().call;
            order_.took(possible.front());
            c.wait ? supervisor_->deliver(c, possible.front().events) : supervisor_->perform(c, supervisor_->look(c));
            quiet_since = 0;
        } else if (!supervisor_->quiet() || !ready_now()) {
            quiet_since = 0;
            nap(short_nap);
        } else if (!quiet_since) {
            quiet_since = right_now();
        } else if (right_now() - quiet_since >= settled) {
            break;
        }
    }
    if (readiness_) readiness_->leave();
    story_.clock() = right_now();
    story_.record(kind::process_ready, {{"workers", std::max<std::uint64_t>(1, story_.tree().living().size() - 1)}});
}

bool steered_run::ready_now() {
    if (plan_.ready.tcp && !listening_inode(port_)) return false;
    if (log_ && !log_seen_) return false;
    if (plan_.ready.workers) {
        story_.tree().update();
        if (story_.tree().living().size() < plan_.ready.workers + 1) return false;
    }
    return !plan_.ready.http || answers();
}

bool steered_run::answers() {
    if (readiness_ && readiness_->over() && readiness_->last_status() == plan_.ready.http->status) return true;
    if (readiness_ && readiness_->answered() && readiness_->last_status() == plan_.ready.http->status) {
        readiness_->leave(); // the server sees that before the first step
        return false;
    }
    if (readiness_ && !readiness_->over() && !readiness_->answered()) return false;
    if (readiness_) readiness_->leave();
    readiness_ = std::make_unique<probe_client>(*off_stage_, 1, "readiness");
    readiness_->connect();
    readiness_->send(request_of(*plan_.ready.http));
    return false;
}

void steered_run::did_not_start(std::string const& why) {
    std::string message = plan_.name + " did not start: " + why, said = story_.last_words();
    while (!said.empty() && said.back() == '\n') said.pop_back();
    if (!said.empty()) message += "; its output:\n" + said;
    throw input_error(message, inconclusive);
}

// --- one step at a time ----------------------------------------------------------------------------------------------

void steered_run::nap(nanoseconds how_long) { story_.wait(how_long ? right_now() + how_long : 0); }

// Clients and backend take all that has come. A connection of the backend is accepted first, then read.
void steered_run::drain() {
    for (int round = 0; round < 3; ++round) story_.wait(0);
}

bool steered_run::is_over() {
    if (!story_.runs() && !exited_at_) exited_at_ = right_now();
    if (exited_at_ && (supervisor_->all_gone() || right_now() - *exited_at_ > orphans_have)) return true;
    if (stopped_at_ && right_now() - *stopped_at_ > plan_.grace_ms * millisecond) return true;
    if (stopped_at_ || right_now() - begun_ < longest) return false;
    story_.note("the execution was cut after " + std::to_string(longest / millisecond / 1000) +
        " s, before the server was stopped");
    return true;
}

void steered_run::steer() {
    while (!is_over()) {
        drain();
        if (waits_for_quiet()) continue;
        if (supervisor_->let_signals_in()) continue; // a handler runs, and the server is not quiet any more
        drain();
        auto const possible = order_.possible(*supervisor_);
        if (possible.empty()) idle();
        else step(possible);
    }
}

// Returns true while the server computes. A thread that computes without an end may wait for one that is held; then a
// step is let go although the server is not quiet, and what follows is not certain.
bool steered_run::waits_for_quiet() {
    if (supervisor_->quiet()) {
        busy_since_.reset();
        return false;
    }
    if (!busy_since_) {
        busy_since_ = right_now();
        calls_then_ = supervisor_->received();
    }
    bool const spins = supervisor_->received() - calls_then_ > many_calls;
    if (right_now() - *busy_since_ < (spins ? spinning : computing)) {
        nap(short_nap);
        return true;
    }
    story_.note("a step had to be released while the server was computing: " +
        (supervisor_->busy().empty() ? "it makes one call after the other" : supervisor_->busy()));
    busy_since_.reset();
    return false;
}

void steered_run::step(std::vector<possible_step> const& possible) {
    possible_step const& chosen = possible.front();
    held_call& c = *chosen.call;
    io_look const look = c.wait ? io_look{} : supervisor_->look(c);
    std::string const name =
        supervisor_->names().next(c.wait ? steps::what(c.process, chosen.events) : steps::what(c, look));
    if (options_.chooser && !stopped_at_ && is_stop_point(name) && acts_before(name, chosen)) return;
    if (!stopped_at_ && name == options_.stop_at) {
        stop(name);
        if (stop_first_) return; // it is asked about again, or comes when the server is quiet again
    }
    if (possible.size() > 1) {
        std::vector<std::string> labels;
        for (possible_step const& one : possible) labels.push_back(one.label);
        record_decision(c.process, 0, labels, {});
    }
    order_.took(chosen);
    latest_act_.clear();
    waits_on_ = false;
    if (!stopped_at_ || !left_) idle_since_.reset();
    c.wait ? supervisor_->deliver(c, chosen.events) : supervisor_->perform(c, look);
}

// `at`: the step before which an act was chosen; "" for a choice among steps.
void steered_run::record_decision(
    traces::ref who, std::size_t choice, std::vector<std::string> const& options, std::string_view at) {
    std::string all;
    for (std::string const& one : options) all += (all.empty() ? "" : "; ") + one;
    traces::field const detail[] = {{"number", decisions_++}, {"choice", static_cast<std::uint64_t>(choice)},
        {"of", static_cast<std::uint64_t>(options.size())}, {"label", options[choice]}, {"options", all}, {"at", at}};
    story_.clock() = right_now();
    story_.recorder().emit(kind::decision, who, {}, std::span(detail).first(at.empty() ? 5 : 6));
}

// The server has nothing left to do: the clients act, or time passes.
void steered_run::idle() {
    if (options_.chooser) return idle_in_order();
    if (!idle_since_) idle_since_ = right_now();
    bool const patient = right_now() - *idle_since_ < patience;
    if (left_ || (patient && !cast_->next_is_due())) return nap(idle_nap);
    std::string const next = cast_->next();
    if (next.empty() && stopped_at_) {
        if (patient && !cast_->all_over()) return nap(idle_nap);
        left_ = true;
        return cast_->leave();
    }
    idle_since_.reset();
    std::string const why = supervisor_->why_unsteered();
    if (!why.empty()) story_.note(why);
    std::string const name = supervisor_->names().next("quiet");
    bool const stops = !stopped_at_ && (next.empty() || name == options_.stop_at);
    if (stops) return stop(next.empty() && name != options_.stop_at ? "" : name);
    supervisor_->names().quiet(next);
    cast_->act(stopped_at_.has_value());
}

// --- the order of acts -----------------------------------------------------------------------------------------------

// Leaves out the acts that could have come before the latest act: no step lies between, so the order of the two does
// not matter, and the other one is tried, too.
std::vector<std::string> steered_run::acts_offered(std::vector<std::string> const& possible) {
    if (latest_act_.empty() || !options_.chooser->tries_all()) return possible;
    std::vector<std::string> left;
    bool const backend_last = latest_act_ == "backend.answers";
    for (std::string const& act : possible) {
        bool const was_offered = std::ranges::find(offered_, act) != offered_.end();
        bool const earlier = act != "backend.answers" && (backend_last || act < latest_act_);
        if (!was_offered || !earlier) left.push_back(act);
    }
    return left;
}

std::string steered_run::choose(std::string const& step, std::vector<std::string> const& options) {
    if (options.size() == 1) return options.front();
    std::size_t const choice = options_.chooser->choose({step, options});
    record_decision({traces::entity::process, 1}, choice, options, step);
    return options[choice];
}

void steered_run::act_now(std::string const& act) {
    latest_act_ = act;
    waits_on_ = false;
    cast_->perform(act);
    drain();
}

// Returns true when something happened that the step has to be looked at anew for.
bool steered_run::acts_before(std::string const& step, possible_step const& s) {
    held_call const& c = *s.call;
    std::vector<std::string> acts;
    for (std::string const& act : cast_->possible_acts(false)) {
        bool const same =
            act.starts_with(c.on.name() + ".") || (act == "backend.answers" && c.on.is == endpoint::role::backend);
        bool const connects = c.kind == call_kind::accept && act.ends_with(".connects");
        if (c.wait || same || connects) acts.push_back(act);
    }
    std::vector<std::string> options = acts_offered(acts);
    options.insert(options.begin(), std::string(goes_on));
    if (c.wait) options.insert(options.end(), {std::string(stop_pending), std::string(stop_handled)});
    std::string const chosen = choose(step, options);
    if (chosen == goes_on) return false;
    if (chosen == stop_pending || chosen == stop_handled) {
        stop_first_ = chosen == stop_handled;
        stop(step);
        return stop_first_;
    }
    offered_ = acts;
    act_now(chosen);
    return true;
}

void steered_run::idle_in_order() {
    if (!idle_since_) idle_since_ = right_now();
    bool const patient = right_now() - *idle_since_ < patience;
    if (left_) return nap(idle_nap);
    std::vector<std::string> const acts = cast_->possible_acts(stopped_at_.has_value());
    bool const time_passes = acts.empty() && patient && (stopped_at_ ? !cast_->all_over() : cast_->anyone_waits());
    std::string const name = supervisor_->names().next("quiet");
    if (time_passes && (stopped_at_ || waits_on_) && name != options_.stop_at) return nap(idle_nap);
    if (acts.empty() && stopped_at_) {
        left_ = true;
        return cast_->leave();
    }
    std::vector<std::string> options = acts_offered(acts);
    if (options.empty()) options = acts;
    if (time_passes) options.emplace_back(goes_on);
    if (!stopped_at_ && name == options_.stop_at) return stop(name);
    if (options.empty()) return stop("");
    if (!stopped_at_) options.emplace_back(stop_pending);
    std::string const chosen = stopped_at_ ? options.front() : choose(name, options);
    if (chosen == stop_pending) return stop(name);
    waits_on_ = chosen == goes_on;
    if (waits_on_) return;
    idle_since_.reset();
    if (std::string const why = supervisor_->why_unsteered(); !why.empty()) story_.note(why);
    supervisor_->names().quiet(chosen);
    offered_ = acts;
    act_now(chosen);
}

void steered_run::stop(std::string const& at) {
    if (at.empty() && !options_.stop_at.empty())
        story_.note("the server never came to " + options_.stop_at + "; list stop-points shows its steps");
    for (std::size_t i = 0; i < cast_->clients().size(); ++i) {
        probe_client& c = *cast_->clients()[i];
        c.process_events();
        if (c.waits() && !supervisor_->accepted(static_cast<std::uint32_t>(i + 1))) c.was_not_accepted();
    }
    stopped_at_ = right_now();
    std::string const name = signal_name(plan_.stop.signal);
    story_.record(kind::process_signal,
        {{"signal", name}, {"stop", true}, {"graceful", true}, {"step", at.empty() ? "after all requests" : at}});
    story_.child().kill(plan_.stop.signal);
    if (stop_first_) supervisor_->handle_first(story_.child().pid(), plan_.stop.signal);
}

// --- the end ---------------------------------------------------------------------------------------------------------

void steered_run::end() {
    if (!stopped_at_ && exited_at_) story_.note("the server exited before it was stopped");
    if (std::string const why = options_.chooser ? options_.chooser->trouble() : ""; !why.empty()) story_.note(why);
    if (std::string const why = supervisor_->why_unsteered(); !why.empty()) story_.note(why);
    if (std::string const why = cast_->why_unreadable(); !why.empty()) story_.note(why);
    by_force_ = story_.runs();
    if (by_force_) {
        cast_->give_up();
        story_.kill_all("");
    }
    supervisor_->set(supervisor::mode::free);
    drain();
    cast_->give_up();
    story_.hear_last_words(right_now());
    story_.look_for_orphans();
}

traces::trace steered_run::seen_so_far() {
    traces::trace t = with_unknown_cause(story_.seen());
    auto described = nlohmann::ordered_json::parse(to_json_text(plan_, options_.arguments));
    described["steered"] = {{"stop_at", options_.stop_at}, {"stop_first", options_.stop_first}};
    t.head.tool = "shutdown-repro run --target --steer";
    t.head.observes = "clients process";
    t.head.target = described.dump();
    for (std::string const& rule : plan_.allow) t.head.allow += (t.head.allow.empty() ? "" : " ") + rule;
    story_.conclude(t);
    return t;
}

} // namespace

std::string why_not_steered(target const& t) {
    if (t.program) return "it is a program that stops itself";
    if (!t.unix_path.empty()) return "it listens on a Unix path, and only TCP connections are steered";
    if (t.pid1) return "it runs in a PID namespace of its own";
    if (t.stop.by != target::stop_method::signal) return "it is not stopped by a signal";
    if (t.signal_to != target::receivers::first) return "its signal goes to other processes than the first";
    if (t.act.what != act_kind::stop) return "only a stop can be steered, and its act is another";
    if (!t.ready.command.empty()) return "a command tests whether it is ready, and such a command can't be steered";
    if (!t.adapter.empty()) return "it uses an adapter";
    return {};
}

traces::trace run_steered(target const& t, steer_options const& o) {
    if (std::string const why = why_not_steered(t); !why.empty())
        throw input_error("--steer: " + t.name + " can't be steered: " + why);
    return steered_run(t, o).run();
}

} // namespace shutdown_repro::repro::steer
