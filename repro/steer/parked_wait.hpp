// A wait of the server (epoll_wait, poll, select and their forms) that is parked: the thread waits for our answer
// instead of in the kernel. We look at what it could be told, and later tell it a part of that.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>
#include "repro/steer/endpoints.hpp"
#include "repro/steer/epoll_files.hpp"
#include "repro/steer/listener.hpp"
#include "repro/steer/processes.hpp"
#include "traces/clock.hpp"

namespace shutdown_repro::repro::steer {

struct ready_event {
    endpoint what;
    std::string other = {};   // of a descriptor that is not steered: "eventfd", "pipe"
    std::uint32_t events = 0; // as in epoll_event and pollfd
    std::uint64_t data = 0;   // of an epoll entry
    std::size_t index = 0;    // of a pollfd, or of a descriptor of a select
    std::string key() const;  // "client:1+in"
};

class parked_wait {
public:
    virtual ~parked_wait() = default;
    // Returns all that the thread could be told now, in an order that does not depend on what came first.
    virtual std::vector<ready_event> ready() = 0;
    // Writes these events where the thread reads them. Returns the result of its call, or nothing if its memory can't
    // be written.
    virtual std::optional<std::int64_t> write(std::span<ready_event const>) = 0;
    virtual int epoll() const { return -1; } // number of the epoll file (epoll_files.hpp), -1 for other waits

    traces::nanoseconds deadline = no_deadline; // of its timeout
    std::optional<std::uint64_t> mask = {};     // the signals that are blocked while it waits, if it sets them
    static constexpr traces::nanoseconds no_deadline = INT64_MAX;
};

// What is needed to look at the waits of all processes.
struct wait_tools {
    processes& all;
    endpoints& sockets;
    epoll_files& epolls;
};

// Returns null for a wait that is none of ours (it waits for no steered socket), or whose arguments are wrong: the
// kernel performs it.
std::unique_ptr<parked_wait> park_epoll(notification const&, process const&, wait_tools const&);
std::unique_ptr<parked_wait> park_poll(notification const&, process const&, wait_tools const&);
std::unique_ptr<parked_wait> park_select(notification const&, process const&, wait_tools const&);

// For the three of them.
void sort_by_name(std::vector<ready_event>&);
std::string kind_of_file(int fd); // of a descriptor of this process: "eventfd", "pipe", "socket"
traces::nanoseconds deadline_in_ms(std::int64_t ms);
traces::nanoseconds deadline_of_timespec(int tid, std::uint64_t address, std::int64_t fraction_ns); // 0: none
std::optional<std::uint64_t> mask_at(int tid, std::uint64_t address);

} // namespace shutdown_repro::repro::steer
