// One execution of a probe: the server, its clients and its backend in one loop. The public part is what probes are made of.
#pragma once
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <vector>
#include "repro/probe/probe.hpp"
#include "repro/probe/probe_clients.hpp"
#include "repro/probe/slow_backend.hpp"
#include "repro/process/child_story.hpp"
#include "repro/process/socket_table.hpp"
#include "repro/target/control_socket.hpp"
#include "repro/target/placeholders.hpp"

namespace shutdown_repro::repro {

class probe_run;

// What clients do around a stop.
class probe_script {
public:
    virtual ~probe_script() = default;
    virtual void open(probe_run&) = 0;     // the clients begin
    virtual bool in_place(probe_run&) = 0; // observed: what the stop is to find is there
    virtual void stop(probe_run&);         // and what is done in its very moment
    virtual void after(probe_run&) {}      // at every turn from then on
    // How many of those that in_place() waits for are enough when no more come: a server may have fewer workers than clients.
    virtual std::size_t enough(probe_run&) { return 0; }
    virtual std::string_view missing() const { return "the clients' connections"; } // what did not come
};
std::unique_ptr<probe_script> make_probe(std::string_view name);

class probe_run final : private poller::watcher {
public:
    probe_run(target const&, std::string_view probe, probe_options const&);
    ~probe_run();
    traces::trace run();

    // --- for probes
    target const& plan() const { return plan_; }
    std::uint32_t connections() const { return options_.connections; }
    probe_client& client(std::string_view role); // a new one, that connects
    std::vector<std::unique_ptr<probe_client>> const& clients() const { return clients_; }
    slow_backend* backend() { return backend_ ? &*backend_ : nullptr; } // null when the target uses none
    // The request for a path of the target; what the bundled backend answers is known in length.
    probe_request request(std::string const& path) const;
    // The server has accepted the client's connection, and has read all that came on it; by /proc/net/tcp.
    bool accepted(probe_client const&) const;
    bool has_read(probe_client const&) const;
    bool freeze(); // every process of it, and returns when they are; false and noted when one is not
    void thaw();
    void stop();                        // t0
    void signal_again();                // the second signal
    void traffic(bool going);           // records that it begins, or ends
    std::int64_t ms_since_stop() const; // 0 before it
    bool server_runs() const { return story_.runs(); }

private:
    void on_ready(int fd, std::uint32_t events) override;
    void turn(traces::nanoseconds until); // waits a little, and looks
    void wait(traces::nanoseconds until);

    void prepare();
    void start();
    void wait_until_ready();
    bool ready_now();
    bool answers();
    std::vector<process_tree::member const*> listening() const; // who holds the listening socket
    std::uint32_t workers() const;
    void set_the_stage();
    bool in_place();
    void record_status();
    void tell_to_stop(bool second);
    void stop_by_command();
    void stop_by_http();
    void wait_for_end();
    void end_by_force();
    void see_the_clients_off();
    void look_for_port();
    void look_at_files(char const* when);
    traces::trace finished();

    [[noreturn]] void did_not_start(std::string const& why);
    struct helper;
    std::unique_ptr<helper> run_command(std::vector<std::string> const&);
    std::string why_not_told() const;
    bool all_clients_over() const;
    socket_row const* server_side(probe_client const&) const;
    std::vector<socket_row> const& sockets() const;
    void look_for_drained();
    void note(std::string why); // why the execution does not count

    target const& plan_;
    probe_options const options_;
    std::string const probe_;
    std::unique_ptr<probe_script> const script_;
    bool const wrong_;  // it is stopped by the wrong signal
    child_story story_; // outlives all that waits in it
    placeholders places_;
    std::optional<slow_backend> backend_;
    std::optional<control_socket> control_; // when it is to be held somewhere
    bool staged_ = false, at_point_ = false;
    // A command of the target's: one that says whether the server is ready, or one that stops it.
    struct helper {
        explicit helper(launch const& l) : process(l) {}
        child_process process;
        std::optional<process_end> end;
    };
    std::unique_ptr<helper> asking_;
    std::vector<std::unique_ptr<helper>> stopping_;
    std::optional<client_stage> stage_; // outlives its clients
    std::vector<std::unique_ptr<probe_client>> clients_;
    std::unique_ptr<probe_client> readiness_;
    std::vector<socket_row> mutable sockets_; // as of this turn
    bool mutable sockets_are_new_ = false;
    std::vector<std::uint64_t> listeners_; // inodes, when it was ready
    traces::trace unseen_;                 // of clients that are no part of the story
    traces::recorder unrecorded_{unseen_, story_.clock()};
    std::optional<client_stage> off_stage_;
    std::unique_ptr<probe_client> stopper_;
    std::optional<std::regex> log_;
    bool log_seen_ = false, frozen_ = false;
    traces::nanoseconds stopped_at_ = 0, ticked_ = 0, quiet_since_ = 0;
    bool drained_told_ = false;
    std::uint16_t port_ = 0;
    std::uint32_t next_client_ = 0;
    traces::ref traffic_;

public:
    // For the wrong-signal probe: what became of the requests in flight when the right signal came.
    struct control {
        std::int64_t kept = 0, lost = 0;
    };
    std::optional<control> instead;
};

} // namespace shutdown_repro::repro
