// One execution of a probe: the server, its clients and its backend in one loop. Probes use the public part.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "repro/clients/probe_clients.hpp"
#include "repro/clients/slow_backend.hpp"
#include "repro/input/pattern.hpp"
#include "repro/probe/act_state.hpp"
#include "repro/probe/effects.hpp"
#include "repro/probe/probe.hpp"
#include "repro/probe/startup.hpp"
#include "repro/target/control_socket.hpp"
#include "repro/target/placeholders.hpp"
#include "repro/watch/child_story.hpp"
#include "repro/watch/socket_table.hpp"

namespace shutdown_repro::repro {

class probe_run;

// What the clients of a probe do before, during and after the stop.
class probe_script {
public:
    virtual ~probe_script() = default;
    virtual void open(probe_run&) = 0;     // starts the clients
    virtual bool in_place(probe_run&) = 0; // returns whether the state that the stop should meet was observed
    virtual void stop(probe_run&);         // stops the server, with all that happens at the same moment
    virtual void after(probe_run&) {}      // called on every turn of the loop after the stop
    virtual void close(probe_run&) {}      // after an act other than a stop: from now on it sends no further request
    // Returns how many clients are in place. If that is not 0 and no more come, it is enough: a server may have fewer
    // workers than clients.
    virtual std::size_t enough(probe_run&) { return 0; }
    // Returns how many clients are, at this moment, in the state after which the probe is named. It is asked just
    // before the server is told to stop; 0 makes the execution inconclusive, for the reason that missing() gives.
    virtual std::size_t standing(probe_run& run) { return enough(run); }
    virtual std::string missing(probe_run&) const = 0;
    // The time that the clients have to come into place, in nanoseconds.
    virtual traces::nanoseconds patience() const;
    // Whether it observes the whole of that time, instead of stopping when no more clients come into place.
    virtual bool uses_all_patience() const { return false; }
    // Whether processes that serve on after the stop are sent the signal themselves, which shows that they had not got
    // it. That needs an execution without clients: else the server may wait for them.
    virtual bool signals_who_serves() const { return false; }
    // Whether its clients leave some time after the stop, which should not have waited for them.
    virtual bool clients_leave() const { return false; }
    // The moment of the start at which the server is stopped; null if it is to be ready before.
    virtual start_moment const* at_start() const { return nullptr; }
    // Whether it has something to do even if the server has exited and each client is over.
    virtual bool goes_on(probe_run&) { return false; }
    // Returns why something else after which the probe is named has not happened in the end; "" when all has.
    virtual std::string undone(probe_run&) const { return {}; }
    // Called when none of its clients is in place just before the stop; returns whether others have come.
    virtual bool tries_again(probe_run&) { return false; }
    // Returns why it may have missed something that a client would see, such as a pause of its own; "" when it has not.
    // Then another execution may see it.
    virtual std::string unseen() const { return {}; }
};
std::unique_ptr<probe_script> make_probe(std::string_view name);
std::unique_ptr<probe_script> make_act_traffic(); // the traffic across an act other than a stop

class probe_run final : private poller::watcher {
public:
    // `script` takes the place of the probe's own, where there is one.
    probe_run(
        target const&, std::string_view probe, probe_options const&, std::unique_ptr<probe_script> script = nullptr);
    ~probe_run();
    traces::trace run();

    // --- for probes
    target const& plan() const { return plan_; }
    std::uint32_t connections() const { return options_.connections; }
    std::uint16_t port() const { return port_; }
    std::string why_refused() const; // why no client is connected, if each was refused; else ""
    probe_client& client(std::string_view role, reading = reading::at_once); // creates a client and connects it
    std::vector<std::unique_ptr<probe_client>> const& clients() const { return clients_; }
    slow_backend* backend() { return backend_ ? &*backend_ : nullptr; } // null if the target uses none
    // Returns a request of the target. The size of the response's body is known if the bundled backend answers it.
    probe_request request(target::http_request const&) const;
    // Returns whether the server has accepted the connection, and has read all bytes sent on it, according to
    // /proc/net/tcp.
    bool accepted(probe_client const&) const;
    bool has_read(probe_client const&) const;
    std::uint64_t unsent_by_server(probe_client const&) const; // bytes that wait in the buffers of its end
    traces::nanoseconds rest_took() const; // the time that the stop takes without a client; 0 if it is not known
    bool freeze(); // stops every process of the server by SIGSTOP and waits for that; returns false if one did not stop
    void thaw();
    void stop();                          // stops the server: time 0 of the rules
    bool signal_again();                  // sends the second signal; returns false when the server has exited
    void traffic(bool going);             // records that traffic begins or ends
    std::int64_t ms_since_stop() const;   // 0 before the stop
    std::int64_t ms_since_effect() const; // since the effect of an act was seen; -1 before
    void look_whether_accepted(probe_client&) const; // tells the client whether the server has accepted it by now
    bool server_runs() const { return story_.runs(); }
    // Milliseconds after the stop when clients leave that a stop should not wait for; nothing if they stay, because it
    // is not known how long the stop takes without a client.
    std::optional<std::int64_t> leave_ms() const;
    bool leaves_as_told() const { return options_.leave_at_ms.has_value(); } // not at a moment of its own
    moment_state moment() const { return moment_; }                          // of the start; call it after run()
    bool saw_all() const { return saw_all_; } // the same: whether no other execution would see more

private:
    void on_ready(int fd, std::uint32_t events) override;
    void turn(traces::nanoseconds until);                                         // waits a short time
    void turn_after_stop(traces::nanoseconds until, traces::nanoseconds& before); // the turn before ended then
    void wait(traces::nanoseconds until);

    void live();
    void stop_when_ready();
    void prepare();
    void start();
    void wait_until_ready();
    bool ready_now();
    bool answers();
    std::vector<process_tree::member const*> listening() const; // the processes with the listening socket
    std::uint32_t workers() const;
    void set_the_stage();
    bool in_place();
    void record_status();
    void tell_to_stop(bool second);
    // A process that gets a signal.
    struct addressee {
        int pid;
        traces::ref id;
    };
    std::vector<addressee> addressees();
    void send_signal(int signal, std::span<traces::field const> detail);
    void signal_who_serves();
    std::vector<addressee> who_serves() const;
    void stop_by_command();
    void stop_by_http();
    void wait_for_end();
    void let_clients_leave();
    void stop_at_start();
    void await_moment(start_moment const&);
    bool is_ready_with_port() const; // whether it counts as ready as soon as its port is open
    bool reached(start_moment const&, traces::nanoseconds begun);
    bool port_is_open();
    void end_by_force();
    void see_the_clients_off();
    void look_for_port(bool by_force);
    bool is_listening();
    void look_for_path_left(bool by_force); // in next_start.cpp
    struct next_start {
        bool known = false, listens = false;
        std::string why; // it does not listen
    };
    next_start start_again();
    void look_for_effects(bool by_force);
    void look_at_files(char const* when);
    traces::trace finished();

    // An act other than a stop, in probe_act.cpp.
    void live_act();
    bool nobody_lives();
    std::vector<std::uint64_t> listening_now() const; // inodes of the sockets that listen on the port or the path
    std::vector<std::uint64_t> accepted_now() const;  // those of its connections
    bool listener_was_closed(traces::nanoseconds since);
    bool listener_is_gone(); // one of those of the latest look
    void begin_act();
    void tell(server_order const&, bool old_only = false); // signals go to the old generation only, if so
    std::string why_order_failed() const;
    void ask_before();
    void ask_for_effect();
    void watch_act();
    void look_at_act();
    void compare_answer();
    std::string effect_by() const;
    void take_effect(std::string const& by);
    bool has_unfinished() const;
    bool act_is_over() const;
    void conclude_act();
    void record_end_of_act();
    std::string why_without_effect() const;
    bool is_effect_expected() const;
    void look_for_path();
    void start_successor();
    void hear_successor();
    bool successor_serves() const;
    bool successor_is_gone() const;
    launch server_launch() const; // of the server, and of a second instance

    [[noreturn]] void did_not_start(std::string const& why);
    struct helper;
    std::unique_ptr<helper> run_command(std::vector<std::string> const&);
    std::string why_not_told() const;
    bool all_clients_over() const;
    std::string where_it_listens() const;
    void record_ready(std::uint64_t workers);
    void note_missing();
    bool stands(); // whether a client is in place; says to the clients whether they were accepted
    void check_that_it_happened();
    bool has_exited();                  // also when it was not reaped yet
    std::string why_unreadable() const; // why a client can't judge what it received; "" when all can
    socket_row const* server_side(probe_client const&) const;
    std::vector<socket_row> const& sockets() const;
    void look_for_drained();

    target const& plan_;
    probe_options const options_;
    std::string const probe_;
    std::unique_ptr<probe_script> const script_;
    bool const acts_;   // the act is not a stop, and the probe is none of a control
    bool const wrong_;  // the server is stopped by the wrong signal
    child_story story_; // outlives everything that its poller watches
    placeholders places_;
    std::optional<effect_watch> effects_;
    std::optional<slow_backend> backend_;
    std::optional<control_socket> control_; // set when a process is to be held at a point
    bool staged_ = false, at_point_ = false;
    // A command of the target that tests whether the server is ready, or that stops it.
    struct helper {
        explicit helper(launch const& l) : process(l) {}
        child_process process;
        std::optional<process_end> end;
    };
    std::unique_ptr<helper> asking_;
    std::vector<std::unique_ptr<helper>> stopping_;
    helper* looking_ = nullptr;         // a command that looks for an effect
    std::optional<client_stage> stage_; // outlives its clients
    std::vector<std::unique_ptr<probe_client>> clients_;
    std::unique_ptr<probe_client> readiness_;
    std::vector<socket_row> mutable sockets_; // as of the current turn
    bool mutable sockets_are_new_ = false;
    std::vector<traces::ref> serving_;     // processes with the listening socket when the server was ready
    traces::ref told_;                     // the first process that got the signal of the stop
    std::vector<std::uint64_t> listeners_; // inodes of the listening sockets when the server was ready
    traces::trace unseen_;                 // receives events of clients that do not belong to the trace
    traces::recorder unrecorded_{unseen_, story_.clock()};
    std::optional<client_stage> off_stage_;
    std::unique_ptr<probe_client> stopper_;
    std::optional<pattern> log_, startup_log_;
    std::size_t lines_ = 0; // of output
    bool startup_seen_ = false;
    bool saw_all_ = true;
    moment_state moment_ = moment_state::absent;
    bool log_seen_ = false, frozen_ = false;
    traces::nanoseconds stopped_at_ = 0, ticked_ = 0, quiet_since_ = 0;
    traces::nanoseconds longest_pause_ = 0; // of this program, after the stop
    bool drained_told_ = false;
    std::optional<act_state> act_; // set when it acts and the server is ready
    unique_fd listener_;           // handed to the server, if the act says so
    std::string unix_path_;        // on which the server listens instead of the port; "" for none
    std::uint16_t port_ = 0;
    std::uint32_t next_client_ = 0;
    std::string listens_at_; // where the server listens when it is ready: "127.0.0.1:80"; "" if that is not known
    traces::ref traffic_;

public:
    // For the probe wrong-signal: the number of requests in flight that were kept and lost when the right signal came.
    struct control {
        std::int64_t kept = 0, lost = 0;
    };
    std::optional<control> instead;
    std::string why_no_control; // why the right signal could not be tried; "" when it was
};

} // namespace shutdown_repro::repro
