// Everything that the live runner waits for, in one epoll set: the clients' sockets, the child's pipes and its end, signals.
#pragma once
#include <cstdint>
#include <sys/epoll.h>
#include <vector>
#include "traces/event.hpp"

namespace shutdown_repro::repro {

class poller {
public:
    class watcher {
    public:
        virtual void on_ready(int fd, std::uint32_t events) = 0;

    protected:
        ~watcher() = default;
    };

    poller();
    ~poller();
    poller(poller const&) = delete;

    // Level-triggered. Watches fd, or changes for what (EPOLLIN, EPOLLOUT). Descriptors and watchers are the caller's; a
    // descriptor is forgotten before it is closed.
    void watch(int fd, std::uint32_t events, watcher&);
    void forget(int fd);
    // Waits until something is ready or the monotonic clock shows `until`, and notifies all that is ready then. A
    // descriptor forgotten by a watcher of the same round is not notified any more, even if its number is in use again.
    void wait(traces::nanoseconds until);

private:
    struct slot {
        watcher* who = nullptr;
        std::uint32_t generation = 0;
    };
    int epoll_;
    std::vector<slot> slots_; // by descriptor
    std::vector<epoll_event> ready_;
};

} // namespace shutdown_repro::repro
