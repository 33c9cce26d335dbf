#include "repro/sim/execute.hpp"

#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include "repro/input/errors.hpp"
#include "repro/sim/sim_clients.hpp"
#include "server_under_test/reactor/program.hpp"
#include "server_under_test/reactor/signal_sender.hpp"
#include "server_under_test/scoped/scoped_server.hpp"
#include "server_under_test/scopes/cell_program.hpp"
#include "server_under_test/worlds/sim_kernel.hpp"
#include "server_under_test/worlds/world_kind.hpp"

namespace shutdown_repro::repro {

using server::server_kind;

namespace {

// Receives events that are recorded between two executions.
struct nowhere final : traces::sink {
    void put(traces::event const&) override {}
};

struct both final : traces::sink {
    traces::sink &first, &second;
    both(traces::sink& a, traces::sink& b) : first(a), second(b) {}
    void put(traces::event const& e) override {
        first.put(e);
        second.put(e);
    }
};

// Records the decisions of another source.
struct noting final : server::decision_source {
    decision_source* decide = nullptr;
    schedule taken;
    std::uint32_t choose(std::span<server::alternative const> offered) override {
        std::uint32_t const choice = decide->choose(offered);
        taken.choices.push_back(choice);
        return choice;
    }
    void only(server::alternative const& a) override { decide->only(a); }
};

// The programs of an execution: scopes only, or the scoped server with its clients. They are called before every step,
// so the simulator is compiled separately for each of them.
class cell_run {
public:
    cell_run(server::runtime& rt, scenario const& s) : run_(rt, s.cell()) {}
    void start() { run_.start(); }
    bool over() const { return run_.over(); }
    bool stalled() { return run_.stalled(); }
    server::stoppable* stoppable() { return nullptr; }
    static server::control control_of(scenario const&, traces::sink& to) { return {"never", "never", to}; }

private:
    server::cell_program run_;
};

class http_run {
public:
    http_run(server::runtime& rt, scenario const& s) : run_(rt, s.scoped()) { run_.gather(connections_of(s)); }
    void start() {
        std::string error;
        if (!run_.start(error)) throw input_error(error); // a simulated port is never taken
    }
    bool over() const { return run_.over(); }
    bool stalled() { return run_.stalled(); }
    server::stoppable* stoppable() { return &run_; }
    static server::control control_of(scenario const& s, traces::sink& to) {
        return {s.scoped().stop_at, s.scoped().free_at, to};
    }

private:
    server::scoped_server run_;
};

// The limits of an execution.
constexpr std::uint64_t most_events = 5'000'000;                           // less than 2 GB in memory
constexpr std::uint64_t most_steps = 50'000'000;                           // of scopes; more than that many events need
constexpr std::uint64_t polls_at_once = 1'000, polls_of_a_connection = 10; // of the reactor, at one instant

// "20 ms"
std::string instant(traces::nanoseconds t) {
    std::string text = std::to_string(t / traces::millisecond);
    if (std::string rest = std::to_string(t % traces::millisecond); rest != "0") {
        rest.insert(0, 6 - rest.size(), '0');
        text += "." + rest.substr(0, rest.find_last_not_of('0') + 1);
    }
    return text + " ms";
}

std::string with_many_events() {
    return "the execution was ended after " + std::to_string(most_events) +
        " events, the most that are kept; make the scenario smaller";
}

} // namespace

struct simulator::impl {
    using ending = simulator::ending;
    traces::nanoseconds clock = 0;
    nowhere between;
    traces::recorder record{between, clock};
    server::sim_world world{record, clock};
    server::runtime runtime{world};
    std::deque<http_client> clients;
    noting decisions;
    bool words = true;

    ending run(scenario const& s, server::decision_source& decide, traces::sink& to) {
        decisions.decide = &decide;
        decisions.taken.choices.clear();
        record.reset();
        ending end;
        switch (s.kind()) {
        case server_kind::scoped: run_scopes<http_run>(s, to, end); break;
        case server_kind::scopes: run_scopes<cell_run>(s, to, end); break;
        case server_kind::reactor: run_reactor(s.reactor(), to, end);
        }
        end.foot.events = record.next();
        return end;
    }

    template <class program> void run_scopes(scenario const& s, traces::sink& to, ending& end) {
        server::control control = program::control_of(s, to);
        record.record_to(control);
        as_new const whatever_happens{*this};
        std::optional<program> p; // destroyed after the waits in it were forgotten
        before_they_go const waits_end{world};
        p.emplace(runtime, s).start();
        if (p->stoppable()) begin_clients(s);
        run_on(*p, control, end);
        if (end.cut) return;
        end.complete = world.ended();
        if (!end.complete && p->stoppable()) kill(end.foot, control.was_called());
        else if (world.dead()) end.foot.signal = "SIGABRT";
        else end.foot.exit_status = 0;
        if (!end.complete) run_on(*p, control, end); // the clients see the end
    }

    template <class program> void run_on(program& p, server::control& control, ending& end) {
        for (std::uint64_t steps = 0; proceed(p, control); ++steps) {
            if (record.next() <= most_events && steps <= most_steps) continue;
            return cut(end,
                steps > most_steps ? "the server spins at " + instant(clock) + ": it takes steps without an end"
                                   : with_many_events());
        }
    }

    // Ends the execution where it stands. The process has not ended: nothing is recorded of an end.
    void cut(ending& end, std::string why) {
        end.cut = true;
        end.foot.note = std::move(why);
    }

    // Kills the server, as the live runner does with a server that does not end by itself.
    void kill(traces::footer& foot, bool stop_was_called) {
        record_kill(stop_was_called);
        end_process("SIGKILL");
        foot.signal = "SIGKILL";
        foot.note = "killed: nothing more could happen";
    }
    // The kill is ours. It is not the stop, also where nobody has called one.
    void record_kill(bool stop_was_called) {
        traces::field const said[] = {{"signal", "SIGKILL"}, {"stop", false}};
        record.emit(
            traces::kind::process_signal, {traces::entity::process, 1}, {}, std::span(said, stop_was_called ? 1 : 2));
    }
    // Ends the process: by itself if `signal` is "". The kernel closes its sockets.
    void end_process(std::string_view signal) {
        traces::recorder::because_of const killed(record, signal.empty() ? traces::no_seq : record.next() - 1);
        world.end_process();
        record_exit(signal);
    }
    void record_exit(std::string_view signal) {
        if (signal.empty()) record.emit(traces::kind::process_exit, {traces::entity::process, 1}, {}, {{"status", 0}});
        else record.emit(traces::kind::process_exit, {traces::entity::process, 1}, {}, {{"signal", signal}});
    }

    // The server and its timers are destroyed before the world in which they are armed.
    struct before_they_go {
        server::sim_world& world;
        ~before_they_go() { world.forget_waits(); }
    };

    // An abandoned execution also leaves suspended frames and waits.
    struct as_new {
        impl& of;
        ~as_new() {
            of.runtime.reset();
            of.world.clear();
            of.record.record_to(of.between);
        }
    };

    // The loop of the reactor polls, so it runs by itself until it ends or is killed.
    void run_reactor(server::reactor_config const& c, traces::sink& to, ending& end) {
        server::signal_sender signals(c, to);
        record.record_to(signals);
        clock = 0;
        server::sim_kernel kernel(record, clock, decisions, c.cap_ms * traces::millisecond,
            polls_at_once + polls_of_a_connection * c.connections, most_events);
        signals.world = &kernel;
        kernel.words = words;
        server::reactor_program program(kernel, c);
        std::string error;
        bool const returned = program.run(error);
        end.complete = returned;
        if (!error.empty()) throw input_error(error); // a simulated port is never taken
        using limit = server::sim_kernel::limit;
        if (kernel.reached() == limit::polls)
            return cut(end, "the loop spins at " + instant(clock) + ": it polls, and time never passes");
        if (kernel.reached() == limit::events) return cut(end, with_many_events());
        if (!returned) {
            record_kill(program.stop_was_called());
            end.foot.note = "killed after " + std::to_string(c.cap_ms) + " ms";
        }
        traces::recorder::because_of const ended(record, record.next() - 1);
        record_exit(returned ? "" : "SIGKILL");
        if (returned) end.foot.exit_status = 0;
        else end.foot.signal = "SIGKILL";
    }

    void begin_clients(scenario const& s) {
        std::uint32_t const each = std::max(1u, s.per_connection), requests = requests_of(s);
        std::uint32_t number = 0;
        for (std::uint32_t first = 1; first <= requests; first += each) {
            if (number == clients.size()) clients.emplace_back(world, number + 1);
            clients[number++].begin(first, std::min(requests, first + each - 1), s.pipelined);
        }
    }

    // Takes one step; returns false when nothing can happen.
    template <class program> bool proceed(program& p, server::control& control) {
        if (!world.ended()) {
            if (world.dead()) {
                end_process("SIGABRT");
            } else if (control.pending() && p.stoppable()) {
                control.act(*p.stoppable(), record);
                return true;
            } else if (p.over()) {
                if (p.stoppable() && (control.last_call(*p.stoppable(), record) || late_call(*p.stoppable(), control)))
                    return true;
                end_process({});
            }
        }
        bool const may_act = !world.ended() && p.stoppable() && control.open();
        if (world.busy() && !may_act) { // the most frequent step by far
            world.take(0);
            return true;
        }
        std::vector<server::alternative>& offered = world.offer();
        std::size_t const natural = offered.size();
        if (may_act) control.offer(offered, natural == 0);
        if (offered.empty()) return !world.ended() && !world.server_waits() && p.stalled();
        std::uint32_t choice = 0;
        if (offered.size() == 1) decisions.only(offered.front());
        else choice = decide(offered, natural);
        server::alternative const taken = offered[choice];
        offered.resize(natural);
        if (choice < natural) world.take(choice);
        else control.take(taken, *p.stoppable(), record);
        return true;
    }

    // Everything has ended, but stop may still be called before the process exits.
    bool late_call(server::stoppable& server, server::control& control) {
        if (!control.open()) return false;
        std::vector<server::alternative> offered{{server::move::process_ends, {traces::entity::process, 1}}};
        control.offer(offered, false);
        std::uint32_t const choice = decide(offered, 1);
        if (choice > 0) control.take(offered[choice], server, record);
        return choice > 0;
    }

    // A step in which only the server or time continues is not recorded: the events that follow show it.
    std::uint32_t decide(std::vector<server::alternative> const& offered, std::size_t natural) {
        std::uint32_t const choice = decisions.choose(offered);
        if (natural == 1 && choice == 0) return choice;
        if (!words) record.leave_out(); // no rule reads decisions
        else
            record.emit(traces::kind::decision, offered[choice].who, {},
                {{"number", static_cast<std::uint64_t>(decisions.taken.choices.size() - 1)}, {"choice", choice},
                    {"of", static_cast<std::uint64_t>(offered.size())},
                    {"label", server::label_of(offered[choice].what)}});
        return choice;
    }
};

simulator::simulator() : impl_(std::make_unique<impl>()) {}
simulator::~simulator() = default;

void simulator::without_words() { impl_->words = false; }
schedule const& simulator::taken() const { return impl_->decisions.taken; }

simulator::ending simulator::run(scenario const& s, server::decision_source& decide, traces::sink& to) {
    return impl_->run(s, decide, to);
}

void simulator::run(scenario const& s, server::decision_source& decide, traces::trace& into, traces::sink* also) {
    into.clear();
    std::optional<both> split;
    traces::sink& to = also ? static_cast<traces::sink&>(split.emplace(into, *also)) : into;
    ending const end = impl_->run(s, decide, to);
    into.head.world = server::word_of(server::world_kind::sim);
    into.head.scenario = to_json_text(s);
    into.head.schedule = to_string(impl_->decisions.taken);
    into.head.observes = observed_in(s);
    into.foot = end.foot;
    if (!end.foot.note.empty())
        into.problems.push_back((end.cut ? "" : "the server never ended by itself: ") + end.foot.note);
}

std::vector<passed_point> passed_stop_points(scenario const& s) {
    follow default_order{schedule{}};
    traces::trace t;
    simulator().run(s, default_order, t);
    std::vector<passed_point> points;
    std::map<traces::kind, std::uint32_t> counts;
    for (traces::event const& e : t.events) {
        std::string_view const name = traces::name_of(e.what);
        if (e.what == traces::kind::decision || name.starts_with("client.") || name.starts_with("process.")) continue;
        points.push_back({std::string(name) + "#" + std::to_string(++counts[e.what]), traces::to_string(e.id)});
    }
    return points;
}

} // namespace shutdown_repro::repro
