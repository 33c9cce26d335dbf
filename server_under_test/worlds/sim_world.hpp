// The simulated world: virtual time, in-memory TCP, one thread, in process. It does what a loopback and an event loop do and
// leaves free what they leave free:
//   - ready work runs first in, first out, and to the end, before the loop looks at the outside again (no decision);
//   - what can happen outside then (a client acts, a handle becomes ready, somebody answers a handler's question) happens in
//     any order: one decision each time that there are two or more, the oldest first by default;
//   - time passes only when nothing else can happen, to the next timer; timers of one instant in the order of arming.
// The kernel is modelled where it shows: bytes sent are in the peer's buffer at once; closing with unread bytes resets;
// closing a listener resets its backlog; a process that dies closes everything it had.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "server_under_test/worlds/alternative.hpp"
#include "server_under_test/worlds/timer_heap.hpp"
#include "server_under_test/worlds/world.hpp"

namespace shutdown_repro::server {

// A TCP connection, both ends.
struct sim_socket {
    enum class end : std::uint8_t { open, fin, reset };
    std::string to_server, to_client;
    std::size_t taken_by_server = 0; // bytes of to_server read
    end from_client = end::open, from_server = end::open;
    bool server_has_it = false; // accepted and not closed
    work* readable = nullptr;   // the server's waits
    work* writable = nullptr;
    bool readable_queued = false, writable_queued = false, client_queued = false;
    class sim_client* client = nullptr;
};

// What the outside does next on behalf of somebody.
class sim_client {
public:
    virtual ~sim_client() = default;
    virtual traces::ref id() const = 0;
    virtual move next_move() const = 0; // the one that act() makes
    virtual void act() = 0;
};

class sim_world final : public world {
public:
    sim_world(traces::recorder&, nanoseconds& clock);
    ~sim_world() override;

    nanoseconds now() const override { return clock_; }
    void start(timer&, nanoseconds after) override;
    void cancel(timer& t) override { timers_.cancel(t); }
    void ask(question&) override;
    void withdraw(question&) override;
    std::unique_ptr<listener> listen(std::uint16_t port, std::string& error) override;
    void die(std::string_view message) override;

    // What can happen next, in the default order: when the server has ready work, only that. Kept up to date and not made anew,
    // because an exploration asks for it before each step: who adds something takes it away again before the step.
    std::vector<alternative>& offer();
    // The one of offer()'s at this place happens.
    void take(std::size_t choice);
    bool busy() const { return !ready.empty(); } // offer() has one: the ready work
    bool dead() const { return dead_; }
    // The process is gone, by its own end or its death: the kernel closes what it had. What runs then is the clients only.
    void end_process();
    bool ended() const { return ended_; }
    // The server waits for a socket: a real loop would wait on, whatever else is over.
    bool server_waits() const;

    // For clients.
    void will_act(sim_client&);
    void acts_otherwise(sim_client&); // next_move() has changed
    sim_socket* connect(sim_client&); // null: refused
    void send(sim_socket&, std::string_view);
    void close_from_client(sim_socket&);

    // Whatever waits is not run any more; its owners may go.
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

    nanoseconds& clock_;
    timer_heap timers_;
    std::vector<outside> possible_;
    std::vector<alternative> offered_;                 // of each possible_
    std::vector<alternative> other_;                   // the one that there is when none of them can happen
    std::vector<std::unique_ptr<sim_socket>> sockets_; // recycled by clear()
    std::size_t socket_count_ = 0;
    std::vector<sim_socket*> backlog_; // who connected and was not accepted, the oldest first
    work* acceptable_ = nullptr;
    bool listening_ = false, accept_offered_ = false, dead_ = false, ended_ = false;
};

} // namespace shutdown_repro::server
