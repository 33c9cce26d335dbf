#include "repro/probe/probe_run.hpp"
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sched.h>
#include <sys/resource.h>
#include "repro/input/errors.hpp"
#include "repro/target/adapter.hpp"
#include "repro/target/target_trace.hpp"
#include "repro/watch/listening.hpp"
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
    2'000 * millisecond; // time for clients and pipes to see the end of an exited process
constexpr nanoseconds longest_command = 10'000 * millisecond;
constexpr nanoseconds most_pause = 250 * millisecond; // of this program, after the stop
constexpr nanoseconds settled = 250 * millisecond;    // a descriptor that is open after this time was left open

// A probe that does not run when something happens does not see it. What it starts has the usual priority.
void take_precedence() {
    constexpr int precedence = -10;
    sched_param const none{};
    if (getpriority(PRIO_PROCESS, 0) != 0) return; // somebody has chosen another
    if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &none) != 0) return;
    setpriority(PRIO_PROCESS, 0, precedence); // where that is allowed
}

void raise_descriptor_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

nanoseconds now() { return traces::monotonic_now(); }

} // namespace

probe_run::probe_run(
    target const& t, std::string_view probe, probe_options const& options, std::unique_ptr<probe_script> script)
    : plan_(t),
      options_(options),
      probe_(probe),
      script_(script                                               ? std::move(script)
              : t.act.what != act_kind::stop && probe == "traffic" ? make_act_traffic()
                                                                   : make_probe(probe)),
      acts_(t.act.what != act_kind::stop && probe != at_rest_probe && probe != one_request_probe),
      wrong_(probe == "wrong-signal") {}

probe_run::~probe_run() = default;

nanoseconds probe_script::patience() const { return longest_staging; }

traces::trace probe_run::run() {
    return story_.tell([this] { acts_ ? live_act() : live(); }, [this] { return finished(); }, options_.partial_path);
}

void probe_run::live() {
    prepare();
    start();
    script_->at_start() ? stop_at_start() : stop_when_ready();
    bool const by_force = story_.runs();
    if (by_force) end_by_force();
    see_the_clients_off();
    if (std::string const why = why_unreadable(); !why.empty()) story_.note(why);
    check_that_it_happened();
    if (!by_force && plan_.stop.by == target::stop_method::command) story_.note(why_not_told());
    story_.look_for_orphans();
    look_for_port(by_force);
    look_for_effects(by_force);
    look_for_path_left(by_force);
}

void probe_run::stop_when_ready() {
    wait_until_ready();
    set_the_stage();
    if (!story_.noted().empty()) return;
    record_status();
    script_->stop(*this);
    wait_for_end();
    signal_who_serves();
}

// --- the loop --------------------------------------------------------------------------------------------------------

void probe_run::on_ready(int fd, std::uint32_t) {
    auto const reap = [&](helper* h) {
        if (h && h->process.pidfd() == fd && (h->end = h->process.reap())) story_.events().forget(fd);
    };
    reap(asking_.get());
    reap(looking_);
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

// A pause of this program hides what happens in it: a client that should have come then comes later, and finds the port
// closed.
void probe_run::turn_after_stop(nanoseconds until, nanoseconds& before) {
    turn(until);
    script_->after(*this);
    longest_pause_ = std::max(longest_pause_, now() - before);
    before = now();
}

// --- the start -------------------------------------------------------------------------------------------------------

void probe_run::prepare() {
    raise_descriptor_limit();
    take_precedence();
    if (plan_.uses_backend()) backend_.emplace(story_.events());
    port_ = plan_.port ? plan_.port : free_port();
    places_.set("port", std::to_string(port_));
    places_.set("folder", story_.folder());
    if (backend_) places_.set("backend", std::to_string(backend_->port()));
    if (!plan_.ready.log.empty()) log_.emplace(plan_.ready.log);
    if (!plan_.startup.log.empty()) startup_log_.emplace(plan_.startup.log);
    story_.on_line = [this](std::string_view line) {
        ++lines_;
        effects_->hear(line);
        if (log_ && !log_seen_) log_seen_ = log_->is_in(line);
        if (startup_log_ && !startup_seen_) startup_seen_ = startup_log_->is_in(line);
    };
    if (std::ranges::any_of(
            sockets(), [&](socket_row const& s) { return s.state == socket_row::listen && s.local_port == port_; }))
        throw input_error("port " + std::to_string(port_) +
                " is already in use; stop the process that listens on it, or leave \"port\" out of the target",
            inconclusive);
    places_.write(plan_.files, story_.folder());
    effects_.emplace(plan_, places_);
    if (!options_.stop_at.empty())
        control_.emplace(story_.events(), story_.file("control"), std::vector{options_.stop_at},
            [this](control_socket& c, std::string_view) {
                if (!staged_ || stopped_at_) c.release(); // a readiness request, or the point is reached again
                else at_point_ = true;
            });
    unix_path_ = places_.filled(plan_.unix_path);
    if (plan_.act.listen_fds) listener_ = unix_path_.empty() ? listening_socket(port_) : listening_socket(unix_path_);
    stage_.emplace(client_stage{port_, story_.recorder(), story_.clock(), story_.events(), unix_path_,
        acts_ ? std::function<bool(nanoseconds)>([this](nanoseconds since) { return listener_was_closed(since); })
              : nullptr});
    off_stage_.emplace(client_stage{port_, unrecorded_, story_.clock(), story_.events(), unix_path_});
}

launch probe_run::server_launch() const {
    std::vector<std::string> const command = places_.filled(plan_.command);
    std::string const program = need_program(command.front(), plan_.package);
    std::vector<std::string> environment = places_.environment(plan_.environment);
    white_box const inside{.adapter = plan_.adapter,
        .trace = story_.file("target.jsonl"),
        .control = control_ ? story_.file("control") : "",
        .order = options_.order,
        .decisions = {}};
    for (auto const& [variable, value] : environment_of(inside)) environment.push_back(variable + "=" + value);
    if (listener_) environment.insert(environment.end(), {"LISTEN_FDS=1", std::string(child_process::listen_pid)});
    return {.path = program,
        .arguments = {command.begin() + 1, command.end()},
        .environment = std::move(environment),
        .speaks = true,
        .pid1 = plan_.pid1,
        .hand_over = listener_.get()};
}

void probe_run::start() {
    launch const server = server_launch();
    std::string const name = std::filesystem::path(server.path).filename().string();
    std::vector<traces::field> detail{{"name", name}, {"grace", plan_.grace_ms}};
    if (plan_.drain_ms) detail.push_back({"drain_timeout", plan_.drain_ms});
    if (plan_.accepts_for_ms) detail.push_back({"accepts_for", plan_.accepts_for_ms});
    story_.start(server, detail, plan_.exit);
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
        if (unix_path_.empty() && !plan_.has_known_port() && !where_it_listens().empty())
            did_not_start("it does not listen on the port chosen");
        if (now() >= deadline)
            did_not_start("it did not become ready within " + std::to_string(plan_.ready.within_ms) + " ms");
    }
    if (story_.end()) did_not_start(story_.how_it_ended());
    if (readiness_) readiness_->leave();
    auto const holders = listening();
    for (process_tree::member const* m : holders) serving_.push_back(m->id);
    auto const accepting =
        static_cast<std::uint64_t>(std::ranges::count_if(holders, [](auto const* m) { return m->id.number != 1; }));
    record_ready(std::max<std::uint64_t>(1, accepting));
    listens_at_ = where_it_listens();
    look_at_files("ready");
}

void probe_run::record_ready(std::uint64_t workers) {
    std::vector<traces::field> what{{"workers", workers}};
    if (rest_control const* const rest = options_.controls ? &options_.controls->at_rest : nullptr;
        rest && rest->trouble.empty()) {
        what.push_back(rest->killed ? traces::field{"rest_killed", true} : traces::field{"rest_ns", rest->took});
        if (!rest->unforwarded.empty()) what.push_back({"rest_unforwarded", rest->unforwarded});
    }
    story_.clock() = now();
    story_.recorder().emit(kind::process_ready, {entity::process, 1}, {}, what);
}

bool probe_run::port_is_open() {
    listeners_ = listening_now();
    return !listeners_.empty();
}

// Checks one condition after the other, in the order in which they usually become true.
bool probe_run::ready_now() {
    bool const open = port_is_open();
    if (plan_.ready.tcp && !open) return false;
    if (log_ && !log_seen_) return false;
    if (plan_.ready.workers) {
        story_.tree().update();
        if (workers() < plan_.ready.workers) return false;
    }
    bool const says_nothing = listener_ && !log_ && plan_.ready.command.empty(); // the socket was ours before
    if ((plan_.ready.http || says_nothing) && !answers()) return false;
    if (plan_.ready.command.empty()) return true;
    if (!asking_ || (asking_->end && asking_->end->status != 0)) asking_ = run_command(plan_.ready.command);
    return asking_->end && asking_->end->status == 0;
}

bool probe_run::answers() {
    server_request const& asked = plan_.ready.http ? *plan_.ready.http : plan_.path;
    bool const any = !plan_.ready.http;
    if (readiness_ && readiness_->answered() && (any || readiness_->last_status() == asked.status)) return true;
    if (readiness_ && !readiness_->over() && !readiness_->answered()) return false;
    if (readiness_) readiness_->leave();
    readiness_ = std::make_unique<probe_client>(*stage_, ++next_client_, "readiness");
    readiness_->connect();
    readiness_->send(request_of(asked));
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
    bool const elsewhere = listeners_.empty() || (readiness_ && !readiness_->connected());
    if (std::string const where = where_it_listens(); !where.empty() && elsewhere)
        message += "; it listens on " + where + ", not on " +
            (unix_path_.empty() ? "127.0.0.1:" + std::to_string(port_) : unix_path_);
    if (unix_path_.empty() && !plan_.has_known_port())
        message += "; the command has no {port}: use env PORT={port} ..., an argument such as --port {port}, or "
                   "\"port\" in a target file";
    std::string said = story_.last_words();
    while (!said.empty() && said.back() == '\n') said.pop_back();
    if (!said.empty()) message += "; its output:\n" + said;
    else if (readiness_ && !readiness_->unreadable().empty()) message += "; " + readiness_->unreadable();
    throw input_error(message, inconclusive);
}

// --- the stage -------------------------------------------------------------------------------------------------------

probe_client& probe_run::client(std::string_view role, reading how) {
    clients_.push_back(std::make_unique<probe_client>(*stage_, ++next_client_, role, how));
    clients_.back()->connect();
    return *clients_.back();
}

probe_request probe_run::request(target::http_request const& asked) const {
    probe_request r = request_of(asked);
    if (backend_ && asked.path.starts_with("/slow")) r.expected = slow_backend::body_size;
    if (backend_ && asked.path.starts_with("/large")) r.expected = slow_backend::large_size;
    if (options_.controls) r.control = options_.controls->find(asked);
    return r;
}

socket_row const* probe_run::server_side(probe_client const& c) const {
    for (socket_row const& s : sockets())
        if (s.local_port == port_ && s.remote_port == c.local_port()) return &s;
    return nullptr;
}

bool probe_run::accepted(probe_client const& c) const {
    if (!unix_path_.empty()) return c.connected();
    socket_row const* const s = server_side(c);
    return s && s->inode != 0;
}

bool probe_run::has_read(probe_client const& c) const {
    if (!unix_path_.empty()) return c.connected() && c.all_was_read();
    socket_row const* const s = server_side(c);
    return s && s->inode != 0 && s->unread == 0;
}

std::uint64_t probe_run::unsent_by_server(probe_client const& c) const {
    socket_row const* const s = server_side(c);
    return s ? s->unsent : 0;
}

nanoseconds probe_run::rest_took() const {
    return options_.controls && options_.controls->at_rest.trouble.empty() ? options_.controls->at_rest.took : 0;
}

// A process that is held at a point can't answer, so then only reaching the point counts.
bool probe_run::in_place() { return control_ ? at_point_ : script_->in_place(*this); }

void probe_run::set_the_stage() {
    staged_ = true;
    script_->open(*this);
    nanoseconds const begun = now();
    nanoseconds grew = begun;
    std::size_t most = 0;
    nanoseconds const deadline = begun + script_->patience();
    while (!in_place()) {
        turn(deadline);
        if (!story_.runs()) return story_.note("the server exited before it was stopped");
        if (!why_unreadable().empty() || now() >= deadline) break;
        if (control_ || script_->uses_all_patience()) continue;
        std::size_t const enough = script_->enough(*this);
        if (enough > most) most = enough, grew = now();
        bool const waiting = std::ranges::any_of(clients_, [](auto const& c) { return c->waits(); });
        if (now() - grew >= stalled && (enough > 0 || !waiting)) break;
    }
    if (std::string const why = why_unreadable(); !why.empty()) return story_.note(why);
    if (control_ && !at_point_)
        return story_.note("the target did not reach " + options_.stop_at + " while the clients were connected");
    if (!control_ && !script_->in_place(*this) && script_->enough(*this) == 0) note_missing();
}

void probe_run::note_missing() {
    std::string const refused = why_refused();
    story_.note("the probe was not in place before the stop: " + (refused.empty() ? script_->missing(*this) : refused));
}

std::string probe_run::why_refused() const {
    bool const refused =
        !clients_.empty() && std::ranges::all_of(clients_, [](auto const& c) { return c->over() && !c->connected(); });
    if (!refused) return {};
    std::string const where = unix_path_.empty() ? "127.0.0.1:" + std::to_string(port_) : unix_path_;
    return "each connection to " + where + " was refused" +
        (listens_at_.empty() ? "" : "; the server listens on " + listens_at_);
}

std::string probe_run::where_it_listens() const {
    std::vector<std::uint64_t> sockets;
    for (process_tree::member const* m : story_.tree().living())
        std::ranges::copy(files_of(m->pid).sockets, std::back_inserter(sockets));
    std::string all;
    for (std::string const& place : listening_places(sockets)) all += (all.empty() ? "" : ", ") + place;
    return all;
}

// A process that is held at a point can't read, so then only reaching the point counts.
bool probe_run::stands() {
    sockets_are_new_ = false;
    for (auto const& c : clients_) {
        c->process_events();
        socket_row const* const end = server_side(*c);
        if (c->waits() && end && end->inode == 0) c->was_not_accepted();
    }
    return control_ || script_->standing(*this) > 0;
}

void probe_run::check_that_it_happened() {
    if (!stopped_at_) return;
    if (std::string const why = script_->undone(*this); !why.empty())
        story_.note("what the probe " + probe_ + " is about did not happen: " + why);
    if (wrong_ && !why_no_control.empty())
        story_.note("the execution with " + plan_.stop_in_words() +
            ", with which this one has to be compared, was inconclusive: " + why_no_control);
    std::string unseen = script_->unseen();
    if (unseen.empty() && longest_pause_ > most_pause)
        unseen = "this program did not run for " + std::to_string(longest_pause_ / millisecond) +
            " ms after the stop, because this machine is busy";
    saw_all_ = unseen.empty();
    if (!saw_all_) story_.note("the probe " + probe_ + " may have missed something: " + unseen);
}

bool probe_run::has_exited() {
    auto const row = story_.runs() ? find_process(story_.child().pid()) : std::nullopt;
    return !row || row->state == 'Z' || row->state == 'X';
}

std::string probe_run::why_unreadable() const {
    auto const it = std::ranges::find_if(clients_, [](auto const& c) { return !c->unreadable().empty(); });
    return it == clients_.end() ? "" : (*it)->unreadable();
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
        auto const row = find_process(m->pid);
        std::string const name = row ? row->name : m->name; // by now it is not that of the process that forked it
        traces::field const what[] = {{"when", when}, {"open", static_cast<std::uint64_t>(files.count)},
            {"close_wait", close_wait}, {"listens", std::ranges::count(serving_, m->id) > 0}, {"name", name}};
        bool const at_ready = std::string_view(when) == "ready";
        story_.recorder().emit(kind::process_files, m->id, {}, std::span(what).first(at_ready ? 5 : 3));
    }
}

// --- the end ---------------------------------------------------------------------------------------------------------

void probe_run::wait_for_end() {
    nanoseconds const deadline = stopped_at_ + (plan_.accepts_for_ms + plan_.grace_ms) * millisecond;
    for (nanoseconds before = stopped_at_; story_.runs() && now() < deadline;) {
        turn_after_stop(deadline, before);
        let_clients_leave();
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
    nanoseconds before = now();
    while ((!all_clients_over() || commands_run() || (stopped_at_ && script_->goes_on(*this))) && now() < deadline) {
        stopped_at_ ? turn_after_stop(deadline, before) : turn(deadline);
    }
    for (auto const& c : clients_) c->give_up();
    story_.hear_last_words(now());
}

// Compares inodes, so that another program's socket on the same port does not count. After our own kill it is the
// kernel that closes the sockets, a little later; a port that is still open then is not the server's doing.
void probe_run::look_for_port(bool by_force) {
    nanoseconds const deadline = now() + last_words;
    bool listening = is_listening();
    while (by_force && listening && now() < deadline) {
        wait(now() + glance);
        listening = is_listening();
    }
    if ((by_force && listening) || !unix_path_.empty() || listener_) return;
    story_.record(kind::process_port, {{"port", static_cast<std::uint32_t>(port_)}, {"listening", listening}});
}

void probe_run::look_for_effects(bool by_force) {
    if (plan_.effects.empty() || !stopped_at_ || script_->at_start()) return;
    if (by_force) return story_.note("the effects of the stop were not looked for, because the server was killed");
    std::uint64_t answers = 0;
    for (auto const& c : clients_) answers += c->role() == "readiness" ? 0 : c->answered();
    auto const succeeds = [this](target::words const& command) {
        auto const h = run_command(command);
        nanoseconds const deadline = now() + longest_command;
        looking_ = h.get();
        while (!h->end && now() < deadline) wait(deadline);
        looking_ = nullptr;
        if (!h->end) story_.note("the command of an effect did not exit within 10 s");
        return h->end && h->end->status == 0;
    };
    for (found_effect const& f : effects_->look(answers, succeeds))
        story_.record(kind::process_effect, {{"what", f.what}, {"there", f.there}});
}

bool probe_run::is_listening() {
    sockets_are_new_ = false;
    return std::ranges::any_of(sockets(), [&](socket_row const& s) {
        return s.state == socket_row::listen && s.local_port == port_ && std::ranges::count(listeners_, s.inode);
    });
}

traces::trace probe_run::finished() {
    traces::trace t = plan_.adapter.empty() ? std::move(story_.seen())
                                            : with_target_trace(story_.file("target.jsonl"), story_.seen());
    auto described = nlohmann::ordered_json::parse(to_json_text(plan_, options_.arguments));
    described["probe"] = probe_;
    described["connections"] = options_.connections;
    t.head.tool = "shutdown-repro run --target";
    t.head.observes += "clients process";
    t.head.target = described.dump();
    for (std::string const& rule : plan_.allow) t.head.allow += (t.head.allow.empty() ? "" : " ") + rule;
    if (control_) t.problems.insert(t.problems.end(), control_->problems().begin(), control_->problems().end());
    story_.conclude(t);
    return t;
}

} // namespace shutdown_repro::repro
