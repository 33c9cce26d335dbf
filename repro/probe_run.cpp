#include "repro/probe_run.hpp"
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <random>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "repro/adapter.hpp"
#include "repro/errors.hpp"
#include "repro/live.hpp"
#include "repro/target_trace.hpp"
#include "server_under_test/tcp_world.hpp"

namespace shutdown_repro::repro {

using server::millisecond;
using traces::entity;
using traces::kind;
using traces::nanoseconds;

namespace {

constexpr nanoseconds glance = 10 * millisecond;          // at /proc, while something there is waited for
constexpr nanoseconds tree_every = 20 * millisecond;      // who is new among the processes
constexpr nanoseconds backend_every = 50 * millisecond;   // an event of an endless stream
constexpr nanoseconds longest_staging = 5'000 * millisecond;
constexpr nanoseconds stalled = 500 * millisecond;        // no more clients come into place
constexpr nanoseconds last_words = 2'000 * millisecond;   // for clients and pipes to see the end of a process that is gone
constexpr nanoseconds orphans_have = 1'000 * millisecond; // to follow the first process
constexpr nanoseconds settled = 250 * millisecond;        // after which what is still open counts as left open
constexpr nanoseconds longest_freeze = 1'000 * millisecond;
constexpr nanoseconds longest_kill = 5'000 * millisecond;
constexpr std::size_t most_output = 256 * 1024;           // bytes that are recorded
constexpr std::size_t most_text = 4096;                   // bytes of one line
constexpr std::size_t most_last_words = 2000;

std::string random_mark() {
    std::random_device source;
    constexpr char digits[] = "0123456789abcdef";
    std::string mark = "SHUTDOWN_REPRO_MARK=";
    for (int i = 0; i < 24; ++i) mark += digits[source() % 16];
    return mark;
}

// Outside of the range from which the kernel takes the ports of clients, so that nobody gets it meanwhile by chance.
std::uint16_t free_port() {
    std::random_device source;
    for (int attempt = 0; attempt < 200; ++attempt) {
        auto const port = static_cast<std::uint16_t>(std::uniform_int_distribution<int>(16'000, 32'000)(source));
        descriptor const s(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_port = htons(port);
        if (bind(s.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) == 0) return port;
    }
    throw input_error("found no free port", inconclusive);
}

void replace_all(std::string& text, std::string_view what, std::string const& by) {
    for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size()) text.replace(at, what.size(), by);
}

void raise_descriptor_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

nanoseconds now() { return server::monotonic_now(); }

} // namespace

probe_run::probe_run(target const& t, std::string_view probe, probe_options const& options)
    : plan_(t), options_(options), probe_(probe), mark_(random_mark()), script_(make_probe(probe)), wrong_(probe == "wrong-signal"),
      tree_(record_, clock_, mark_), guardian_(mark_) {}

probe_run::~probe_run() = default;

traces::trace probe_run::run() {
    prepare();
    start();
    wait_until_ready();
    set_the_stage();
    if (note_.empty()) {
        record_status();
        script_->stop(*this);
        wait_for_end();
    }
    if (!end_) end_by_force();
    see_the_clients_off();
    look_for_orphans();
    look_for_port();
    return finished();
}

// --- the loop ---------------------------------------------------------------------------------------------------------------

void probe_run::on_ready(int fd, std::uint32_t) {
    if (fd == signals_.get()) {
        if (int const signal = signals_.take()) interrupted_by_ = signal;
    } else if (child_ && fd == child_->errors()) {
        read_output(fd, errors_line_, errors_open_, "stderr");
    } else if (child_ && fd == child_->notes()) {
        read_output(fd, output_line_, output_open_, "stdout");
    } else if (child_ && fd == child_->pidfd()) {
        end_ = child_->reap();
        if (!end_) return;
        events_.forget(fd);
        tree_.root_is_gone();
        if (!end_->status) return record(kind::process_exit, traces::field{"signal", signal_name(end_->signal)});
        bool const accepted = std::ranges::count(plan_.exit, *end_->status);
        record(kind::process_exit, traces::field{"status", *end_->status}, traces::field{"accepted", accepted});
    } else if (command_ && fd == command_->pidfd()) {
        command_end_ = command_->reap();
        if (command_end_) events_.forget(fd);
    }
}

void probe_run::clock_now() { clock_ = now(); }

void probe_run::wait(nanoseconds until) {
    events_.wait(until);
    sockets_are_new_ = false;
    if (interrupted_by_) throw interrupted{interrupted_by_, {}};
}

void probe_run::turn(nanoseconds until) {
    wait(std::min(until, now() + glance));
    if (now() - looked_ >= tree_every) {
        tree_.look();
        looked_ = now();
    }
    if (backend_ && now() - ticked_ >= backend_every) {
        backend_->tick();
        ticked_ = now();
    }
}

void probe_run::read_output(int fd, std::string& line, bool& open, char const* stream) {
    char part[16 * 1024];
    ssize_t const got = read(fd, part, sizeof part);
    if (got < 0) return;
    if (got == 0) {
        output_line(std::exchange(line, {}), stream);
        open = false;
        return events_.forget(fd);
    }
    std::string_view text(part, static_cast<std::size_t>(got));
    last_words_.append(text);
    if (last_words_.size() > 2 * most_last_words) last_words_.erase(0, last_words_.size() - most_last_words);
    line += text;
    std::size_t begin = 0;
    for (std::size_t end; (end = line.find('\n', begin)) != line.npos; begin = end + 1)
        output_line(std::string_view(line).substr(begin, end - begin), stream);
    line.erase(0, begin);
    if (line.size() > most_text) output_line(std::exchange(line, {}), stream);
}

void probe_run::output_line(std::string_view line, char const* stream) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) return;
    if (log_ && !log_seen_) log_seen_ = std::regex_search(line.begin(), line.end(), *log_);
    if (recorded_output_ > most_output) return;
    recorded_output_ += line.size();
    line = line.substr(0, most_text);
    if (stream == std::string_view("stdout")) record(kind::process_stderr, traces::field{"text", line}, traces::field{"output", stream});
    else record(kind::process_stderr, traces::field{"text", line});
}

// --- the start --------------------------------------------------------------------------------------------------------------

std::string probe_run::filled(std::string text) const {
    replace_all(text, "{port}", std::to_string(port_));
    replace_all(text, "{folder}", folder_.path());
    if (backend_) replace_all(text, "{backend}", std::to_string(backend_->port()));
    if (child_) replace_all(text, "{pid}", std::to_string(child_->pid()));
    return text;
}

std::vector<std::string> probe_run::filled(std::vector<std::string> const& words) const {
    std::vector<std::string> all;
    for (std::string const& w : words) all.push_back(filled(w));
    return all;
}

void probe_run::prepare() {
    raise_descriptor_limit();
    events_.watch(signals_.get(), EPOLLIN, *this);
    if (plan_.uses_backend()) backend_.emplace(events_);
    port_ = plan_.port ? plan_.port : free_port();
    if (!plan_.ready.log.empty()) log_.emplace(plan_.ready.log);
    if (std::ranges::any_of(sockets(), [&](socket_row const& s) { return s.state == socket_row::listen && s.local_port == port_; }))
        throw input_error("port " + std::to_string(port_) + " is in use already; stop what listens there, or leave \"port\" out of the target", inconclusive);
    for (auto const& [name, text] : plan_.files)
        if (!(std::ofstream(folder_.file(name)) << filled(text)).flush()) throw input_error("cannot write " + folder_.file(name));
    client_stage const stage{port_, record_, clock_, events_};
    stage_.emplace(stage);
    off_stage_.emplace(client_stage{port_, unrecorded_, clock_, events_});
}

void probe_run::start() {
    std::vector<std::string> const command = filled(plan_.command);
    std::string const program = find_program(command.front());
    if (program.empty())
        throw input_error("cannot find the program " + command.front() + (plan_.package.empty() ? "" : "; install the Debian package " + plan_.package), inconclusive);
    std::vector<std::string> environment{mark_};
    for (auto const& [name, value] : plan_.environment) environment.push_back(name + "=" + filled(value));
    white_box const inside{.adapter = plan_.adapter, .trace = folder_.file("target.jsonl"), .control = {}, .order = options_.order, .decisions = {}};
    for (auto const& [variable, value] : environment_of(inside)) environment.push_back(variable + "=" + value);
    std::string const name = std::filesystem::path(program).filename().string();
    traces::field const drain{"drain_timeout", plan_.drain_ms};
    if (plan_.drain_ms) record(kind::process_start, traces::field{"name", name}, traces::field{"grace", plan_.grace_ms}, drain);
    else record(kind::process_start, traces::field{"name", name}, traces::field{"grace", plan_.grace_ms});
    child_.emplace(launch{.path = program, .arguments = {command.begin() + 1, command.end()}, .environment = std::move(environment), .speaks = true});
    guardian_.guards(child_->pid());
    tree_.root(child_->pid());
    for (int fd : {child_->pidfd(), child_->errors(), child_->notes()}) events_.watch(fd, EPOLLIN, *this);
}

std::vector<socket_row> const& probe_run::sockets() const {
    if (!std::exchange(sockets_are_new_, true)) sockets_ = tcp_sockets();
    return sockets_;
}

void probe_run::wait_until_ready() {
    nanoseconds const deadline = now() + plan_.ready.within_ms * millisecond;
    while (!ready_now()) {
        turn(deadline);
        if (end_) break;
        if (now() >= deadline) did_not_start("it was not ready within " + std::to_string(plan_.ready.within_ms) + " ms");
    }
    if (end_) did_not_start(end_->status ? "it ended with status " + std::to_string(*end_->status) : "it died of " + signal_name(end_->signal));
    if (readiness_) readiness_->leave();
    auto const holders = listening();
    auto const accepting = static_cast<std::uint64_t>(std::ranges::count_if(holders, [](auto const* m) { return m->id.number != 1; }));
    record(kind::process_ready, traces::field{"workers", std::max<std::uint64_t>(1, accepting)});
    look_at_files("ready");
}

// One condition after the other, in the order in which they come true.
bool probe_run::ready_now() {
    listeners_.clear();
    for (socket_row const& s : sockets())
        if (s.state == socket_row::listen && s.local_port == port_) listeners_.push_back(s.inode);
    if (plan_.ready.tcp && listeners_.empty()) return false;
    if (log_ && !log_seen_) return false;
    if (plan_.ready.workers) {
        tree_.look();
        if (workers() < plan_.ready.workers) return false;
    }
    if (plan_.ready.http && !answers()) return false;
    if (plan_.ready.command.empty()) return true;
    if (!command_ || (command_end_ && command_end_->status != 0)) run_command(plan_.ready.command);
    return command_end_ && command_end_->status == 0;
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
    for (process_tree::member const* m : tree_.living()) {
        open_files const files = files_of(m->pid);
        auto const listens = [&](std::uint64_t inode) { return std::ranges::count(listeners_, inode) > 0; };
        if (std::ranges::any_of(files.sockets, listens)) holders.push_back(m);
    }
    return holders;
}

// Those that hold the listening socket and wait for something to do, the first process aside.
std::uint32_t probe_run::workers() const {
    auto const all = listening();
    return static_cast<std::uint32_t>(std::ranges::count_if(all, [](process_tree::member const* m) {
        auto const row = find_process(m->pid);
        return m->id.number != 1 && row && row->state == 'S';
    }));
}

void probe_run::did_not_start(std::string const& why) {
    tree_.look();
    std::string message = plan_.name + " did not start: " + why;
    auto const left = tree_.living();
    auto const other = std::ranges::find_if(left, [](process_tree::member const* m) { return m->id.number != 1; });
    if (end_ && end_->status == 0 && other != left.end())
        message += ", and left " + (*other)->name + " (" + std::to_string((*other)->pid) + ") behind: it goes to the background; keep it in the foreground";
    while (!last_words_.empty() && last_words_.back() == '\n') last_words_.pop_back();
    if (last_words_.size() > most_last_words) last_words_.erase(0, last_words_.size() - most_last_words);
    if (!last_words_.empty()) message += "; it said:\n" + last_words_;
    else if (readiness_ && !readiness_->nonsense().empty()) message += "; what listens speaks no HTTP";
    throw input_error(message, inconclusive);
}

// --- the stage --------------------------------------------------------------------------------------------------------------

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

void probe_run::set_the_stage() {
    script_->open(*this);
    nanoseconds const begun = now();
    nanoseconds grew = begun;
    std::size_t most = 0;
    while (!script_->in_place(*this)) {
        turn(begun + longest_staging);
        if (end_) return note("the server ended before it was stopped");
        if (std::ranges::any_of(clients_, [](auto const& c) { return !c->nonsense().empty(); })) break;
        std::size_t const enough = script_->enough(*this);
        if (enough > most) most = enough, grew = now();
        bool const no_more = now() - grew >= stalled && std::ranges::none_of(clients_, [](auto const& c) { return c->waits(); });
        if (enough > 0 && now() - grew >= stalled) break;
        if (no_more || now() - begun >= longest_staging) break;
    }
    for (auto const& c : clients_)
        if (!c->nonsense().empty()) return note("what the server answers is no HTTP: " + nlohmann::json(c->nonsense()).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    if (!script_->in_place(*this) && script_->enough(*this) == 0) note("there was not " + std::string(script_->missing()));
}

bool probe_run::all_clients_over() const {
    return std::ranges::all_of(clients_, [](auto const& c) { return c->over(); });
}

void probe_run::note(std::string why) {
    if (note_.empty()) note_ = std::move(why);
}

void probe_run::look_at_files(char const* when) {
    std::vector<std::uint64_t> waiting;
    for (socket_row const& s : sockets())
        if (s.state == socket_row::close_wait) waiting.push_back(s.inode);
    for (process_tree::member const* m : tree_.living()) {
        open_files const files = files_of(m->pid);
        auto const is_waiting = [&](std::uint64_t inode) { return std::ranges::count(waiting, inode) > 0; };
        auto const close_wait = static_cast<std::uint64_t>(std::ranges::count_if(files.sockets, is_waiting));
        clock_now();
        record_.emit(kind::process_files, m->id, {}, {{"when", when}, {"open", static_cast<std::uint64_t>(files.count)}, {"close_wait", close_wait}});
    }
}

// --- the stop ---------------------------------------------------------------------------------------------------------------

std::int64_t probe_run::ms_since_stop() const { return stopped_at_ ? (now() - stopped_at_) / millisecond : 0; }

void probe_run::record_status() {
    if (plan_.stop.by != target::way::signal && !wrong_) return;
    int const signal = wrong_ ? plan_.wrong() : plan_.stop.signal;
    signal_disposition const d = disposition_of(child_->pid(), signal);
    record(kind::process_status, traces::field{"signal", signal_name(signal)}, traces::field{"caught", d.caught},
           traces::field{"ignored", d.ignored}, traces::field{"blocked", d.blocked});
}

void probe_run::stop() {
    tell_to_stop(false);
    stopped_at_ = clock_;
}

// Dated before it is sent, so never after what it causes.
void probe_run::tell_to_stop(bool second) {
    if (wrong_) {
        std::string const signal = signal_name(plan_.wrong()), right = plan_.stop_in_words();
        traces::field const what[] = {{"signal", signal}, {"stop", true}, {"graceful", false}, {"instead", right}, {"kept", instead ? instead->kept : 0}, {"lost", instead ? instead->lost : 0}};
        clock_now();
        record_.emit(kind::process_signal, {entity::process, 1}, {}, std::span(what).first(instead ? 6 : 4));
        return child_->kill(plan_.wrong());
    }
    if (plan_.stop.by == target::way::signal) {
        int const signal = second && plan_.second_signal ? plan_.second_signal : plan_.stop.signal;
        if (second) record(kind::process_signal, traces::field{"signal", signal_name(signal)}, traces::field{"stop", false}, traces::field{"second", true},
                           traces::field{"means", plan_.second_forces ? "force" : "nothing"});
        else record(kind::process_signal, traces::field{"signal", signal_name(signal)}, traces::field{"stop", true}, traces::field{"graceful", true});
        return child_->kill(signal);
    }
    clock_now();
    {
        traces::recorder::acting const as_control(record_, {entity::control, 1});
        bool const by_command = plan_.stop.by == target::way::command;
        traces::field const what[] = {{"how", by_command ? "command" : "http"}, {"second", true}};
        record_.emit(kind::act_stop, {entity::process, 1}, {}, std::span(what).first(second ? 2 : 1));
    }
    plan_.stop.by == target::way::command ? stop_by_command() : stop_by_http();
}

// A command may wait for the server's end, so nobody waits for the command; but what is frozen is thawed only behind it.
void probe_run::stop_by_command() {
    run_command(plan_.stop.command);
    nanoseconds const deadline = now() + longest_freeze;
    while (frozen_ && !command_end_ && now() < deadline) wait(deadline);
}

void probe_run::stop_by_http() {
    stopper_ = std::make_unique<probe_client>(*off_stage_, 1, "");
    stopper_->connect();
    stopper_->send({.method = plan_.stop.http.method, .path = plan_.stop.http.path});
    stopper_->look();
}

void probe_run::run_command(std::vector<std::string> const& command) {
    std::vector<std::string> const words = filled(command);
    std::string const program = find_program(words.front());
    if (program.empty()) throw input_error("cannot find the program " + words.front() + ", which the target calls");
    if (command_ && !command_end_) events_.forget(command_->pidfd());
    command_.reset();
    command_end_.reset();
    command_.emplace(launch{.path = program, .arguments = {words.begin() + 1, words.end()}});
    events_.watch(command_->pidfd(), EPOLLIN, *this);
}

void probe_run::signal_again() { tell_to_stop(true); }

void probe_run::traffic(bool going) {
    if (going) traffic_ = {entity::client, ++next_client_};
    clock_now();
    record_.emit(kind::client_traffic, traffic_, {}, {{"going", going}});
}

void probe_run::freeze() {
    tree_.look();
    for (process_tree::member const* m : tree_.living()) {
        clock_now();
        record_.emit(kind::process_signal, m->id, {}, {{"signal", "SIGSTOP"}, {"stop", false}});
    }
    tree_.kill(SIGSTOP);
    frozen_ = true;
    nanoseconds const deadline = now() + longest_freeze;
    while (!tree_.all_are('T') && now() < deadline) wait(std::min(deadline, now() + millisecond));
}

void probe_run::thaw() {
    for (process_tree::member const* m : tree_.living()) {
        clock_now();
        record_.emit(kind::process_signal, m->id, {}, {{"signal", "SIGCONT"}, {"stop", false}});
    }
    tree_.kill(SIGCONT);
    frozen_ = false;
}

// --- the end ----------------------------------------------------------------------------------------------------------------

void probe_run::wait_for_end() {
    nanoseconds const deadline = stopped_at_ + plan_.grace_ms * millisecond;
    while (!end_ && now() < deadline) {
        turn(deadline);
        script_->after(*this);
        look_for_drained();
    }
    if (command_end_ && command_end_->status != 0 && plan_.stop.by == target::way::command)
        note("the command that stops it failed: " + (command_end_->status ? "status " + std::to_string(*command_end_->status) : signal_name(command_end_->signal)));
}

// Once nobody has a connection any more, for long enough that what is closing is closed.
void probe_run::look_for_drained() {
    if (end_ || drained_told_) return;
    if (!all_clients_over()) quiet_since_ = 0;
    else if (!quiet_since_) quiet_since_ = now();
    else if (now() - quiet_since_ >= settled) {
        drained_told_ = true;
        look_at_files("drained");
    }
}

// What clients still wait for has not come in time; that we then kill the server is no fact about them.
void probe_run::end_by_force() {
    for (auto const& c : clients_) c->give_up();
    forced_ = true;
    tree_.look();
    record(kind::process_signal, traces::field{"signal", "SIGKILL"}, traces::field{"stop", false});
    tree_.kill(SIGKILL);
    nanoseconds const deadline = now() + longest_kill;
    while (!end_ && now() < deadline) wait(deadline);
    if (!end_) note("the server could not even be killed");
}

void probe_run::see_the_clients_off() {
    nanoseconds const deadline = now() + last_words;
    while (!all_clients_over() && now() < deadline) {
        turn(deadline);
        if (stopped_at_) script_->after(*this);
    }
    for (auto const& c : clients_) c->give_up();
    while (errors_open_ || output_open_) { // what is in the pipes already
        nanoseconds const before = now();
        std::size_t const said = seen_.events.size();
        wait(before);
        if (said == seen_.events.size()) break;
    }
    output_line(std::exchange(errors_line_, {}), "stderr");
    output_line(std::exchange(output_line_, {}), "stdout");
}

void probe_run::look_for_orphans() {
    nanoseconds const deadline = now() + orphans_have;
    for (tree_.look(); !tree_.living().empty() && now() < deadline; tree_.look()) wait(now() + glance);
    if (!forced_) tree_.report_orphans();
}

// By the very sockets that it had: another's on the same port is not its fault.
void probe_run::look_for_port() {
    sockets_are_new_ = false;
    bool const listening = std::ranges::any_of(sockets(), [&](socket_row const& s) {
        return s.state == socket_row::listen && s.local_port == port_ && std::ranges::count(listeners_, s.inode);
    });
    record(kind::process_port, traces::field{"port", static_cast<std::uint32_t>(port_)}, traces::field{"listening", listening});
}

traces::trace probe_run::finished() {
    traces::trace t = plan_.adapter.empty() ? std::move(seen_) : with_target_trace(folder_.file("target.jsonl"), seen_);
    auto described = nlohmann::ordered_json::parse(to_json_text(plan_));
    described["probe"] = probe_;
    described["connections"] = options_.connections;
    t.head.world = "live";
    t.head.tool = "shutdown-repro run --target";
    t.head.observes += "clients process";
    t.head.target = described.dump();
    traces::footer& foot = t.foot.emplace();
    foot.events = t.events.size();
    if (end_) {
        foot.exit_status = end_->status;
        if (end_->signal) foot.signal = signal_name(end_->signal);
    }
    foot.note = note_;
    if (!note_.empty()) t.problems.push_back(note_);
    return t;
}

// --- all of it --------------------------------------------------------------------------------------------------------------

namespace {

// What became of the requests that were in flight when the stop came.
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
    if (std::string const why = why_not(t, probe); !why.empty()) throw input_error("--probe " + std::string(probe) + ": " + t.name + ": " + why);
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
