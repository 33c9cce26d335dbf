// poll and ppoll.
#include <algorithm>
#include <poll.h>
#include <sys/syscall.h>
#include "repro/steer/memory.hpp"
#include "repro/steer/parked_wait.hpp"

namespace shutdown_repro::repro::steer {
namespace {

constexpr std::size_t most_polled = 4096;

class poll_park final : public parked_wait {
public:
    poll_park(notification const& n, wait_tools const& tools, std::vector<pollfd> asked)
        : tid_(n.tid),
          at_(n.args[0]),
          tools_(tools),
          asked_(std::move(asked)) {
        deadline = n.number == SYS_poll ? deadline_in_ms(static_cast<int>(n.args[2]))
                                        : deadline_of_timespec(n.tid, n.args[2], 1);
        if (n.number == SYS_ppoll) mask = mask_at(n.tid, n.args[3]);
    }

    // Takes the descriptors, as the kernel does while it polls. Returns whether one of them is steered.
    bool take(process const& of) {
        bool steered = false;
        for (pollfd& p : asked_) {
            p.revents = 0;
            unique_fd& fd = held_.emplace_back(p.fd < 0 ? unique_fd() : tools_.all.take(of, p.fd));
            if (p.fd >= 0 && !fd) return false; // POLLNVAL is the kernel's to say
            p.fd = fd.get();
            steered = steered || (fd && tools_.sockets.identify(fd.get()).steered());
        }
        return steered;
    }

    std::vector<ready_event> ready() override {
        std::vector<ready_event> all;
        if (poll(asked_.data(), asked_.size(), 0) <= 0) return all;
        for (std::size_t i = 0; i < asked_.size(); ++i) {
            if (!asked_[i].revents) continue;
            endpoint const what = tools_.sockets.identify(asked_[i].fd);
            all.push_back({.what = what,
                .other = what.steered() ? what.name() : kind_of_file(asked_[i].fd),
                .events = static_cast<unsigned short>(asked_[i].revents),
                .index = i});
        }
        sort_by_name(all);
        return all;
    }

    std::optional<std::int64_t> write(std::span<ready_event const> events) override {
        std::vector<pollfd> list(asked_.size());
        if (!read_array(tid_, at_, list)) return std::nullopt;
        for (pollfd& p : list) p.revents = 0;
        for (ready_event const& e : events) list[e.index].revents = static_cast<short>(e.events);
        if (!write_array(tid_, at_, list)) return std::nullopt;
        return static_cast<std::int64_t>(events.size());
    }

private:
    int tid_;
    std::uint64_t at_;
    wait_tools tools_;
    std::vector<pollfd> asked_; // with our duplicates of its descriptors
    std::vector<unique_fd> held_;
};

} // namespace

std::unique_ptr<parked_wait> park_poll(notification const& n, process const& of, wait_tools const& tools) {
    if (n.args[1] == 0 || n.args[1] > most_polled) return nullptr;
    std::vector<pollfd> asked(n.args[1]);
    if (!read_array(n.tid, n.args[0], asked)) return nullptr;
    auto wait = std::make_unique<poll_park>(n, tools, std::move(asked));
    return wait->take(of) ? std::move(wait) : nullptr;
}

} // namespace shutdown_repro::repro::steer
