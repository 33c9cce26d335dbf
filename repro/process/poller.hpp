// One epoll set for everything that the live runner waits for: sockets of clients, pipes and exits of children,
// signals.
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

    // Watches fd, level-triggered, or changes its events (EPOLLIN, EPOLLOUT). The caller owns descriptors and watchers,
    // and must call forget() before it closes a descriptor.
    void watch(int fd, std::uint32_t events, watcher&);
    void forget(int fd);
    // Waits until a descriptor is ready or the monotonic clock reaches `until`, and notifies the watchers of all ready
    // descriptors. A descriptor that an earlier watcher forgets is not notified, even if its number is in use again.
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
