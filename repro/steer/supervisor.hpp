// Receives the steered calls of a server in the loop of its execution, and holds those that are steps: calls on a
// client's, the backend's or the listening socket, waits, and the exit of a process. All other calls go on at once.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>
#include "repro/steer/held_call.hpp"
#include "repro/steer/steps.hpp"
#include "repro/steer/threads.hpp"
#include "repro/watch/child_story.hpp"

namespace shutdown_repro::repro::steer {

class supervisor final : private poller::watcher {
public:
    // `client_at`: see endpoints. The story must outlive it.
    supervisor(child_story&, unique_fd listener, std::uint16_t port, std::uint16_t backend_port,
        std::function<std::uint32_t(std::uint16_t)> client_at, request_lookup request_of);
    ~supervisor();

    // In which way calls are held. From `starting` to `steering`, and to `free` in the end.
    enum class mode : std::uint8_t {
        starting, // waits are parked, all other calls go on, and no step is named
        steering,
        free, // every call goes on
    };
    void set(mode);

    void receive();        // all calls that wait
    bool quiet();          // whether nothing of the server happens before we let it; receives
    bool all_gone();       // whether no process of the server is left
    bool let_signals_in(); // true when a parked thread was woken for a signal
    // Lets the first process handle this pending signal before the call in which its main thread is held, as if the
    // signal had come just before the call. Nothing happens if that thread is not held, or blocks the signal: then it
    // is handled as the kernel does it.
    void handle_first(int pid, int signal);
    std::vector<held_call*> held(); // by process, then by thread

    // Each ends the call, which is not held any more.
    void perform(held_call&, io_look const&);                  // the step of an I/O call
    void deliver(held_call&, std::vector<ready_event> const&); // tells a parked wait of these events
    io_look look(held_call&);

    steps& names() { return steps_; }
    bool accepted(std::uint32_t client) const { return accepted_.contains(client); }
    std::uint64_t received() const { return received_; }
    std::string const& busy() const { return look_.busy(); }
    std::string why_unsteered(); // why something was not steered; "" when all was. It looks at all threads.

private:
    void on_ready(int fd, std::uint32_t events) override;
    void take(notification const&);
    void take_foreign(notification const&);
    void take_fork(notification const&);
    void take_wait(notification const&, call_kind, process const&);
    void take_io(notification const&, call_kind, process const&);
    held_call& hold(notification const&, call_kind, process const&);
    void accept(held_call&, io_look const&);
    void answer_wait(held_call&, std::vector<ready_event> const&);
    void forget(held_call const& c) { held_.erase(c.asked.id); }
    void drop_dead();
    void note(std::string why);
    bool is_interrupted(held_call const&, thread_state const&, std::set<int>& has_woken);

    child_story& story_;
    listener listener_;
    processes processes_;
    endpoints sockets_;
    epoll_files epolls_;
    steps steps_;
    quiet_look look_;
    std::map<std::uint64_t, held_call> held_; // by the number of the notification
    std::set<std::uint32_t> accepted_;
    std::set<int> tried_; // threads that were interrupted for a signal which is still pending
    mode mode_ = mode::starting;
    std::uint64_t received_ = 0;
    bool watched_ = true;
    std::string unsteered_;
};

} // namespace shutdown_repro::repro::steer
