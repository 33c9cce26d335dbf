// The simulated world: virtual time and in-memory TCP, in one thread of this process. It models a loopback and an event
// loop, and leaves to the schedule what they leave free:
//   - ready work runs first in, first out, and completely, before the loop looks at the outside again (no decision);
//   - external events (a client acts, a handle becomes ready, a handler's question is answered) happen in any order: a
//     decision each time there are two or more, the oldest first by default;
//   - time passes only when nothing else can happen, to the next timer; timers due at the same time fire in the order
//     of arming.
// It models what programs can observe of a kernel: sent bytes are in the peer's buffer at once; closing a socket with
// unread bytes resets it; closing a listener resets its backlog; a process that dies closes all its sockets.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "server_under_test/worlds/alternative.hpp"
#include "server_under_test/worlds/timer_heap.hpp"
#include "server_under_test/worlds/world.hpp"

namespace shutdown_repro::server {

// Both ends of a TCP connection.
struct sim_socket {
    enum class end : std::uint8_t { open, fin, reset };
    std::string to_server, to_client;
    std::size_t taken_by_server = 0; // number of bytes of to_server that the server has read
    end from_client = end::open, from_server = end::open;
    bool server_has_it = false; // the server has accepted and not closed it
    work* readable = nullptr;   // waits of the server
    work* writable = nullptr;
    bool readable_queued = false, writable_queued = false, client_queued = false;
    class sim_client* client = nullptr;
};

// A client, as the simulated world sees it.
class sim_client {
public:
    virtual ~sim_client() = default;
    virtual traces::ref id() const = 0;
    virtual move next_move() const = 0; // the one that act() makes
    virtual void act() = 0;
};

class sim_world final : public world {
public:
    sim_world(traces::recorder&, traces::nanoseconds& clock);
    ~sim_world() override;

    traces::nanoseconds now() const override { return clock_; }
    void start(timer&, traces::nanoseconds after) override;
    void cancel(timer& t) override { timers_.cancel(t); }
    void ask(question&) override;
    void withdraw(question&) override;
    std::unique_ptr<listener> listen(std::uint16_t port, std::string& error) override;
    void die(std::string_view message) override;

    // Returns what can happen next, in the default order; only the ready work of the server if there is any. The list
    // is kept up to date, because an exploration asks for it before each step. A caller that adds to it must remove
    // that before the step.
    std::vector<alternative>& offer();
    // Performs the alternative at this index of offer().
    void take(std::size_t choice);
    bool busy() const { return !ready.empty(); } // the server has ready work, so offer() has only that
    bool dead() const { return dead_; }
    // Ends the process after its exit or death: the kernel closes its sockets. Only the clients run after that.
    void end_process();
    bool ended() const { return ended_; }
    // Returns whether the server waits for a socket; a real loop would keep waiting.
    bool server_waits() const;

    // For clients.
    void will_act(sim_client&);
    void acts_otherwise(sim_client&); // next_move() has changed
    sim_socket* connect(sim_client&); // null if refused
    void send(sim_socket&, std::string_view);
    void close_from_client(sim_socket&);

    // Drops all waits without running them, so that their owners can be destroyed.
    void forget_waits();
    void clear();

private:
    friend class sim_stream;
    friend class sim_listener;
    // What a possible move is about; nothing for the server's accept().
    struct outside {
        sim_client* client = nullptr; // that moves itself
        sim_socket* socket = nullptr;
        question* asked = nullptr;
    };
    void becomes_possible(move, traces::ref who, outside const&);
    template <class F> void impossible_if(F&&);
    void happens(move, outside const&);
    void offer_read(sim_socket&);
    void offer_accept();
    void tell_client(sim_socket&);
    void close_from_server(sim_socket&);
    void reset_backlog();
    void withdraw(sim_socket const&);

    traces::nanoseconds& clock_;
    timer_heap timers_;
    std::vector<outside> possible_;
    std::vector<alternative> offered_;                 // one for each of possible_
    std::vector<alternative> other_;                   // the only alternative when none of possible_ can happen
    std::vector<std::unique_ptr<sim_socket>> sockets_; // recycled by clear()
    std::size_t socket_count_ = 0;
    std::vector<sim_socket*> backlog_; // connected and not accepted, the oldest first
    work* acceptable_ = nullptr;
    bool listening_ = false, accept_offered_ = false, dead_ = false, ended_ = false;
};

} // namespace shutdown_repro::server
