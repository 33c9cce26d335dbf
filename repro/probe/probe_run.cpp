#include "repro/probe/probe_run.hpp"
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include "repro/input/errors.hpp"
#include "repro/target/adapter.hpp"
#include "repro/target/target_trace.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro {

using traces::entity;
using traces::kind;
using traces::millisecond;
using traces::nanoseconds;

namespace {

constexpr nanoseconds glance = 10 * millisecond;        // interval of polling /proc
constexpr nanoseconds backend_every = 50 * millisecond; // interval of the events of an endless stream
constexpr nanoseconds longest_staging = 5'000 * millisecond;
constexpr nanoseconds stalled = 500 * millisecond; // time without progress after which no more clients are expected
constexpr nanoseconds last_words =
    2'000 * millisecond;                           // time for clients and pipes to see the end of an exited process
constexpr nanoseconds settled = 250 * millisecond; // a descriptor that is open after this time was left open
constexpr nanoseconds longest_freeze = 1'000 * millisecond;

void raise_descriptor_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

nanoseconds now() { return traces::monotonic_now(); }

} // namespace

probe_run::probe_run(target const& t, std::string_view probe, probe_options const& options)
    : plan_(t),
      options_(options),
      probe_(probe),
      script_(make_probe(probe)),
      wrong_(probe == "wrong-signal") {}

probe_run::~probe_run() = default;

traces::trace probe_run::run() {
    return story_.tell([this] { live(); }, [this] { return finished(); }, options_.partial_path);
}

void probe_run::live() {
    prepare();
    start();
    wait_until_ready();
    set_the_stage();
    if (story_.noted().empty()) {
        record_status();
        script_->stop(*this);
        wait_for_end();
    }
    bool const by_force = story_.runs();
    if (by_force) end_by_force();
    see_the_clients_off();
    if (!by_force && plan_.stop.by == target::stop_method::command) story_.note(why_not_told());
    story_.look_for_orphans();
    look_for_port();
}

// --- the loop --------------------------------------------------------------------------------------------------------

void probe_run::on_ready(int fd, std::uint32_t) {
    auto const reap = [&](helper* h) {
        if (h && h->process.pidfd() == fd && (h->end = h->process.reap())) story_.events().forget(fd);
    };
    reap(asking_.get());
    for (auto const& h : stopping_) reap(h.get());
}

void probe_run::wait(nanoseconds until) {
    story_.wait(control_ ? std::min(until, control_->next_due()) : until);
    if (control_) control_->on_time();
    sockets_are_new_ = false;
}

void probe_run::turn(nanoseconds until) {
    wait(std::min(until, now() + glance));
    if (backend_ && now() - ticked_ >= backend_every) {
        backend_->tick();
        ticked_ = now();
    }
}

// --- the start -------------------------------------------------------------------------------------------------------

void probe_run::prepare() {
    raise_descriptor_limit();
    if (plan_.uses_backend()) backend_.emplace(story_.events());
    port_ = plan_.port ? plan_.port : free_port();
    places_.set("port", std::to_string(port_));
    places_.set("folder", story_.folder());
    if (backend_) places_.set("backend", std::to_string(backend_->port()));
    if (!plan_.ready.log.empty()) log_.emplace(plan_.ready.log);
    story_.on_line = [this](std::string_view line) {
        if (log_ && !log_seen_) log_seen_ = std::regex_search(line.begin(), line.end(), *log_);
    };
    if (std::ranges::any_of(
            sockets(), [&](socket_row const& s) { return s.state == socket_row::listen && s.local_port == port_; }))
        throw input_error("port " + std::to_string(port_) +
                " is already in use; stop the process that listens on it, or leave \"port\" out of the target",
            inconclusive);
    places_.write(plan_.files, story_.folder());
    if (!options_.stop_at.empty())
        control_.emplace(story_.events(), story_.file("control"), std::vector{options_.stop_at},
            [this](control_socket& c, std::string_view) {
                if (!staged_ || stopped_at_) c.release(); // a readiness request, or the point is reached again
                else at_point_ = true;
            });
    stage_.emplace(client_stage{port_, story_.recorder(), story_.clock(), story_.events()});
    off_stage_.emplace(client_stage{port_, unrecorded_, story_.clock(), story_.events()});
}

void probe_run::start() {
    std::vector<std::string> const command = places_.filled(plan_.command);
    std::string const program = need_program(command.front(), plan_.package);
    std::vector<std::string> environment = places_.environment(plan_.environment);
    white_box const inside{.adapter = plan_.adapter,
        .trace = story_.file("target.jsonl"),
        .control = control_ ? story_.file("control") : "",
        .order = options_.order,
        .decisions = {}};
    for (auto const& [variable, value] : environment_of(inside)) environment.push_back(variable + "=" + value);
    launch const server{.path = program,
        .arguments = {command.begin() + 1, command.end()},
        .environment = std::move(environment),
        .speaks = true};
    std::string const name = std::filesystem::path(program).filename().string();
    if (plan_.drain_ms)
        story_.start(
            server, {{"name", name}, {"grace", plan_.grace_ms}, {"drain_timeout", plan_.drain_ms}}, plan_.exit);
    else story_.start(server, {{"name", name}, {"grace", plan_.grace_ms}}, plan_.exit);
    places_.set("pid", std::to_string(story_.child().pid()));
}

std::vector<socket_row> const& probe_run::sockets() const {
    if (!std::exchange(sockets_are_new_, true)) sockets_ = tcp_sockets();
    return sockets_;
}

void probe_run::wait_until_ready() {
    nanoseconds const deadline = now() + plan_.ready.within_ms * millisecond;
    while (!ready_now()) {
        turn(deadline);
        if (!story_.runs()) break;
        if (now() >= deadline)
            did_not_start("it did not become ready within " + std::to_string(plan_.ready.within_ms) + " ms");
    }
    if (story_.end()) did_not_start(story_.how_it_ended());
    if (readiness_) readiness_->leave();
    auto const holders = listening();
    auto const accepting =
        static_cast<std::uint64_t>(std::ranges::count_if(holders, [](auto const* m) { return m->id.number != 1; }));
    story_.record(kind::process_ready, {{"workers", std::max<std::uint64_t>(1, accepting)}});
    look_at_files("ready");
}

// Checks one condition after the other, in the order in which they usually become true.
bool probe_run::ready_now() {
    listeners_.clear();
    for (socket_row const& s : sockets())
        if (s.state == socket_row::listen && s.local_port == port_) listeners_.push_back(s.inode);
    if (plan_.ready.tcp && listeners_.empty()) return false;
    if (log_ && !log_seen_) return false;
    if (plan_.ready.workers) {
        story_.tree().update();
        if (workers() < plan_.ready.workers) return false;
    }
    if (plan_.ready.http && !answers()) return false;
    if (plan_.ready.command.empty()) return true;
    if (!asking_ || (asking_->end && asking_->end->status != 0)) asking_ = run_command(plan_.ready.command);
    return asking_->end && asking_->end->status == 0;
}

bool probe_run::answers() {
    if (readiness_ && readiness_->answered() && readiness_->last_status() == plan_.ready.http->status) return true;
    if (readiness_ && !readiness_->over() && !readiness_->answered()) return false;
    if (readiness_) readiness_->leave();
    readiness_ = std::make_unique<probe_client>(*stage_, ++next_client_, "readiness");
    readiness_->connect();
    readiness_->send({.method = plan_.ready.http->method, .path = plan_.ready.http->path});
    return false;
}

std::vector<process_tree::member const*> probe_run::listening() const {
    std::vector<process_tree::member const*> holders;
    for (process_tree::member const* m : story_.tree().living()) {
        open_files const files = files_of(m->pid);
        auto const listens = [&](std::uint64_t inode) { return std::ranges::count(listeners_, inode) > 0; };
        if (std::ranges::any_of(files.sockets, listens)) holders.push_back(m);
    }
    return holders;
}

// Returns the number of processes, without the first one, that have the listening socket and are waiting.
std::uint32_t probe_run::workers() const {
    auto const all = listening();
    return static_cast<std::uint32_t>(std::ranges::count_if(all, [](process_tree::member const* m) {
        auto const row = find_process(m->pid);
        return m->id.number != 1 && row && row->state == 'S';
    }));
}

void probe_run::did_not_start(std::string const& why) {
    story_.tree().update();
    std::string message = plan_.name + " did not start: " + why;
    auto const left = story_.tree().living();
    auto const other = std::ranges::find_if(left, [](process_tree::member const* m) { return m->id.number != 1; });
    if (story_.end() && story_.end()->status == 0 && other != left.end())
        message += ", and left " + (*other)->name + " (" + std::to_string((*other)->pid) +
            ") running: it daemonizes itself; start it in the foreground";
    std::string said = story_.last_words();
    while (!said.empty() && said.back() == '\n') said.pop_back();
    if (!said.empty()) message += "; its output:\n" + said;
    else if (readiness_ && !readiness_->nonsense().empty()) message += "; the process that listens does not speak HTTP";
    throw input_error(message, inconclusive);
}

// --- the stage -------------------------------------------------------------------------------------------------------

probe_client& probe_run::client(std::string_view role) {
    clients_.push_back(std::make_unique<probe_client>(*stage_, ++next_client_, role));
    clients_.back()->connect();
    return *clients_.back();
}

probe_request probe_run::request(std::string const& path) const {
    probe_request r{.path = path};
    if (backend_ && path.starts_with("/slow")) r.expected = slow_backend::body_size;
    return r;
}

socket_row const* probe_run::server_side(probe_client const& c) const {
    for (socket_row const& s : sockets())
        if (s.local_port == port_ && s.remote_port == c.local_port()) return &s;
    return nullptr;
}

bool probe_run::accepted(probe_client const& c) const {
    socket_row const* const s = server_side(c);
    return s && s->inode != 0;
}

bool probe_run::has_read(probe_client const& c) const {
    socket_row const* const s = server_side(c);
    return s && s->inode != 0 && s->unread == 0;
}

// A process that is held at a point can't answer, so then only reaching the point counts.
bool probe_run::in_place() { return control_ ? at_point_ : script_->in_place(*this); }

void probe_run::set_the_stage() {
    staged_ = true;
    script_->open(*this);
    nanoseconds const begun = now();
    nanoseconds grew = begun;
    std::size_t most = 0;
    while (!in_place()) {
        turn(begun + longest_staging);
        if (!story_.runs()) return story_.note("the server exited before it was stopped");
        if (std::ranges::any_of(clients_, [](auto const& c) { return !c->nonsense().empty(); })) break;
        if (control_ && now() - begun < longest_staging) continue;
        std::size_t const enough = script_->enough(*this);
        if (enough > most) most = enough, grew = now();
        bool const no_more =
            now() - grew >= stalled && std::ranges::none_of(clients_, [](auto const& c) { return c->waits(); });
        if (enough > 0 && now() - grew >= stalled) break;
        if (no_more || now() - begun >= longest_staging) break;
    }
    for (auto const& c : clients_)
        if (!c->nonsense().empty())
            return story_.note("the server's response is not HTTP: " +
                nlohmann::json(c->nonsense()).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    if (control_ && !at_point_)
        return story_.note("the target did not reach " + options_.stop_at + " while the clients were connected");
    if (!control_ && !script_->in_place(*this) && script_->enough(*this) == 0)
        story_.note("the probe was not in place before the stop: " + std::string(script_->missing()));
}

bool probe_run::all_clients_over() const {
    return std::ranges::all_of(clients_, [](auto const& c) { return c->over(); });
}

void probe_run::look_at_files(char const* when) {
    std::vector<std::uint64_t> waiting;
    for (socket_row const& s : sockets())
        if (s.state == socket_row::close_wait) waiting.push_back(s.inode);
    for (process_tree::member const* m : story_.tree().living()) {
        open_files const files = files_of(m->pid);
        auto const is_waiting = [&](std::uint64_t inode) { return std::ranges::count(waiting, inode) > 0; };
        auto const close_wait = static_cast<std::uint64_t>(std::ranges::count_if(files.sockets, is_waiting));
        story_.clock() = now();
        story_.recorder().emit(kind::process_files, m->id, {},
            {{"when", when}, {"open", static_cast<std::uint64_t>(files.count)}, {"close_wait", close_wait}});
    }
}

// --- the stop --------------------------------------------------------------------------------------------------------

std::int64_t probe_run::ms_since_stop() const { return stopped_at_ ? (now() - stopped_at_) / millisecond : 0; }

void probe_run::record_status() {
    if (plan_.stop.by != target::stop_method::signal && !wrong_) return;
    int const signal = wrong_ ? plan_.wrong() : plan_.stop.signal;
    signal_disposition const d = disposition_of(story_.child().pid(), signal);
    story_.record(kind::process_status,
        {{"signal", signal_name(signal)}, {"caught", d.caught}, {"ignored", d.ignored}, {"blocked", d.blocked}});
}

void probe_run::stop() {
    tell_to_stop(false);
    stopped_at_ = story_.clock();
    if (control_) control_->release();
}

// The event gets its time before the signal is sent, so that it is never later than its effects.
void probe_run::tell_to_stop(bool second) {
    if (wrong_) {
        std::string const signal = signal_name(plan_.wrong()), right = plan_.stop_in_words();
        traces::field const what[] = {{"signal", signal}, {"stop", true}, {"graceful", false}, {"instead", right},
            {"kept", instead ? instead->kept : 0}, {"lost", instead ? instead->lost : 0}};
        story_.clock() = now();
        story_.recorder().emit(kind::process_signal, {entity::process, 1}, {}, std::span(what).first(instead ? 6 : 4));
        return story_.child().kill(plan_.wrong());
    }
    if (plan_.stop.by == target::stop_method::signal) {
        int const signal = second && plan_.second_signal ? plan_.second_signal : plan_.stop.signal;
        if (second)
            story_.record(kind::process_signal,
                {{"signal", signal_name(signal)}, {"stop", false}, {"second", true},
                    {"means", plan_.second_forces ? "force" : "nothing"}});
        else story_.record(kind::process_signal, {{"signal", signal_name(signal)}, {"stop", true}, {"graceful", true}});
        return story_.child().kill(signal);
    }
    story_.clock() = now();
    {
        traces::recorder::acting const as_control(story_.recorder(), {entity::control, 1});
        bool const by_command = plan_.stop.by == target::stop_method::command;
        traces::field const what[] = {{"how", by_command ? "command" : "http"}, {"second", true}};
        story_.recorder().emit(kind::act_stop, {entity::process, 1}, {}, std::span(what).first(second ? 2 : 1));
    }
    plan_.stop.by == target::stop_method::command ? stop_by_command() : stop_by_http();
}

// The command may wait for the server to exit, so this does not wait for the command, unless the server is frozen: then
// the command has to run before it is thawed.
void probe_run::stop_by_command() {
    helper const& command = *stopping_.emplace_back(run_command(plan_.stop.command));
    nanoseconds const deadline = now() + longest_freeze;
    while (frozen_ && !command.end && now() < deadline) wait(deadline);
}

void probe_run::stop_by_http() {
    stopper_ = std::make_unique<probe_client>(*off_stage_, 1, "");
    stopper_->connect();
    stopper_->send({.method = plan_.stop.http.method, .path = plan_.stop.http.path});
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

void probe_run::signal_again() { tell_to_stop(true); }

void probe_run::traffic(bool going) {
    if (going) traffic_ = {entity::client, ++next_client_};
    story_.clock() = now();
    story_.recorder().emit(kind::client_traffic, traffic_, {}, {{"going", going}});
}

// Repeats until processes that were forked meanwhile are stopped, too.
bool probe_run::freeze() {
    process_tree& tree = story_.tree();
    tree.update();
    for (process_tree::member const* m : tree.living()) {
        story_.clock() = now();
        story_.recorder().emit(kind::process_signal, m->id, {}, {{"signal", "SIGSTOP"}, {"stop", false}});
    }
    frozen_ = true;
    std::size_t going = 1;
    for (nanoseconds const deadline = now() + longest_freeze; going && now() < deadline;) {
        tree.kill(SIGSTOP);
        wait(std::min(deadline, now() + millisecond));
        tree.update();
        going = tree.not_in('T');
    }
    if (going)
        story_.note("SIGSTOP did not stop every process of the server: " + std::to_string(going) + " kept running");
    return going == 0;
}

void probe_run::thaw() {
    for (process_tree::member const* m : story_.tree().living()) {
        story_.clock() = now();
        story_.recorder().emit(kind::process_signal, m->id, {}, {{"signal", "SIGCONT"}, {"stop", false}});
    }
    story_.tree().kill(SIGCONT);
    frozen_ = false;
}

// --- the end ---------------------------------------------------------------------------------------------------------

void probe_run::wait_for_end() {
    nanoseconds const deadline = stopped_at_ + plan_.grace_ms * millisecond;
    while (story_.runs() && now() < deadline) {
        turn(deadline);
        script_->after(*this);
        look_for_drained();
    }
    // A server that was not told to stop proves nothing about its stop.
    if (std::string const why = why_not_told(); story_.runs() && !why.empty())
        throw input_error(plan_.name + " was not told to stop: " + why, inconclusive);
}

// Returns why the stop command or request failed, or "" when it succeeded or is still running.
std::string probe_run::why_not_told() const {
    if (!stopping_.empty()) {
        auto const& end = stopping_.front()->end;
        if (end && end->status != 0)
            return "the stop command failed: " +
                (end->status ? "status " + std::to_string(*end->status) : signal_name(end->signal));
    }
    if (!stopper_) return {};
    if (stopper_->over() && !stopper_->connected()) return "the connection of the stop request was refused";
    if (stopper_->answered() && stopper_->last_status() / 100 != 2)
        return "the stop request was answered with status " + std::to_string(stopper_->last_status());
    return {};
}

// Records open files once no client has had a connection for long enough that closing descriptors are closed.
void probe_run::look_for_drained() {
    if (!story_.runs() || drained_told_) return;
    if (!all_clients_over()) quiet_since_ = 0;
    else if (!quiet_since_) quiet_since_ = now();
    else if (now() - quiet_since_ >= settled) {
        drained_told_ = true;
        look_at_files("drained");
    }
}

// The clients' timeouts are recorded before the kill, so that the kill is not their cause.
void probe_run::end_by_force() {
    for (auto const& c : clients_) c->give_up();
    story_.kill_all("");
}

// Waits for the clients, and for the stop commands: processes that they leave count only after they have exited.
void probe_run::see_the_clients_off() {
    nanoseconds const deadline = now() + last_words;
    auto const commands_run = [&] { return std::ranges::any_of(stopping_, [](auto const& h) { return !h->end; }); };
    while ((!all_clients_over() || commands_run()) && now() < deadline) {
        turn(deadline);
        if (stopped_at_) script_->after(*this);
    }
    for (auto const& c : clients_) c->give_up();
    story_.hear_last_words(now());
}

// Compares inodes, so that another program's socket on the same port does not count.
void probe_run::look_for_port() {
    sockets_are_new_ = false;
    bool const listening = std::ranges::any_of(sockets(), [&](socket_row const& s) {
        return s.state == socket_row::listen && s.local_port == port_ && std::ranges::count(listeners_, s.inode);
    });
    story_.record(kind::process_port, {{"port", static_cast<std::uint32_t>(port_)}, {"listening", listening}});
}

traces::trace probe_run::finished() {
    traces::trace t = plan_.adapter.empty() ? std::move(story_.seen())
                                            : with_target_trace(story_.file("target.jsonl"), story_.seen());
    auto described = nlohmann::ordered_json::parse(to_json_text(plan_));
    described["probe"] = probe_;
    described["connections"] = options_.connections;
    t.head.tool = "shutdown-repro run --target";
    t.head.observes += "clients process";
    t.head.target = described.dump();
    if (control_) t.problems.insert(t.problems.end(), control_->problems().begin(), control_->problems().end());
    story_.conclude(t);
    return t;
}

// --- all of it -------------------------------------------------------------------------------------------------------

namespace {

// Counts the requests in flight at the stop that were kept and lost.
probe_run::control kept_and_lost(traces::trace const& t) {
    probe_run::control c;
    std::vector<traces::ref> in_flight;
    bool stopped = false;
    for (traces::event const& e : t.events) {
        stopped = stopped || e.what == kind::act_stop || (e.what == kind::process_signal && e.integer("stop"));
        if (e.what == kind::client_connect && e.text("role").ends_with("in-flight")) in_flight.push_back(e.id);
        if (!stopped || !std::ranges::count(in_flight, e.id)) continue;
        c.kept += e.what == kind::client_done;
        c.lost += e.what == kind::client_fail;
    }
    return c;
}

} // namespace

traces::trace run_probe(target const& t, std::string_view probe, probe_options const& options) {
    if (std::string const why = why_not(t, probe); !why.empty())
        throw input_error("--probe " + std::string(probe) + ": " + t.name + ": " + why);
    std::optional<probe_run::control> control;
    if (probe == "wrong-signal") {
        traces::trace const right = probe_run(t, "in-flight", options).run();
        if (right.problems.empty()) control = kept_and_lost(right);
    }
    probe_run run(t, probe, options);
    run.instead = control;
    return run.run();
}

} // namespace shutdown_repro::repro
