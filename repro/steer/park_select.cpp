// select and pselect6.
#include <algorithm>
#include <array>
#include <poll.h>
#include <sys/syscall.h>
#include "repro/steer/memory.hpp"
#include "repro/steer/parked_wait.hpp"

namespace shutdown_repro::repro::steer {
namespace {

constexpr std::size_t most_selected = 1024, bits = 64;

struct descriptor_set { // as in memory: one bit for each descriptor
    std::array<std::uint64_t, most_selected / bits> words{};
    bool has(std::size_t fd) const { return words[fd / bits] >> (fd % bits) & 1; }
    void add(std::size_t fd) { words[fd / bits] |= std::uint64_t{1} << (fd % bits); }
};

// The three sets of select, and which results of poll make a descriptor a member of each.
constexpr short asks_for[] = {POLLIN, POLLOUT, POLLPRI};
constexpr std::uint32_t shows[] = {POLLIN | POLLHUP | POLLERR | POLLRDHUP, POLLOUT | POLLERR, POLLPRI};
constexpr std::size_t sets = 3;

class select_park final : public parked_wait {
public:
    select_park(notification const& n, wait_tools const& tools) : tid_(n.tid), count_(n.args[0]), tools_(tools) {
        for (std::size_t s = 0; s < sets; ++s) at_[s] = n.args[1 + s];
        constexpr std::int64_t microsecond = 1'000;
        deadline = deadline_of_timespec(n.tid, n.args[4], n.number == SYS_select ? microsecond : 1);
        std::uint64_t mask_address = 0;
        if (n.number == SYS_pselect6 && n.args[5] && read_object(n.tid, n.args[5], mask_address))
            mask = mask_at(n.tid, mask_address);
    }

    bool take(process const& of) {
        std::array<descriptor_set, sets> asked;
        for (std::size_t s = 0; s < sets; ++s)
            if (at_[s] && !read_memory(tid_, at_[s], &asked[s], bytes())) return false;
        bool steered = false;
        for (std::size_t fd = 0; fd < count_; ++fd) {
            short events = 0;
            for (std::size_t s = 0; s < sets; ++s)
                if (asked[s].has(fd)) events = static_cast<short>(events | asks_for[s]);
            if (!events) continue;
            unique_fd& held = held_.emplace_back(tools_.all.take(of, static_cast<int>(fd)));
            if (!held) return false; // EBADF is the kernel's to say
            steered = steered || tools_.sockets.identify(held.get()).steered();
            polled_.push_back({held.get(), events, 0});
            number_.push_back(fd);
        }
        return steered;
    }

    std::vector<ready_event> ready() override {
        std::vector<ready_event> all;
        if (poll(polled_.data(), polled_.size(), 0) <= 0) return all;
        for (std::size_t i = 0; i < polled_.size(); ++i) {
            if (!members(i, static_cast<unsigned short>(polled_[i].revents))) continue;
            endpoint const what = tools_.sockets.identify(polled_[i].fd);
            all.push_back({.what = what,
                .other = what.steered() ? what.name() : kind_of_file(polled_[i].fd),
                .events = static_cast<unsigned short>(polled_[i].revents),
                .index = i});
        }
        sort_by_name(all);
        return all;
    }

    std::optional<std::int64_t> write(std::span<ready_event const> events) override {
        std::array<descriptor_set, sets> result;
        std::int64_t total = 0;
        for (ready_event const& e : events)
            for (std::size_t s = 0; s < sets; ++s)
                if (is_member(e.index, s, e.events)) result[s].add(number_[e.index]), ++total;
        for (std::size_t s = 0; s < sets; ++s)
            if (at_[s] && !write_memory(tid_, at_[s], &result[s], bytes())) return std::nullopt;
        return total;
    }

private:
    std::size_t bytes() const { return (count_ + bits - 1) / bits * sizeof(std::uint64_t); }
    bool is_member(std::size_t i, std::size_t set, std::uint32_t events) const {
        return (polled_[i].events & asks_for[set]) && (events & shows[set]);
    }
    bool members(std::size_t i, std::uint32_t events) const {
        return is_member(i, 0, events) || is_member(i, 1, events) || is_member(i, 2, events);
    }

    int tid_;
    std::size_t count_;
    std::array<std::uint64_t, sets> at_{};
    wait_tools tools_;
    std::vector<unique_fd> held_;
    std::vector<pollfd> polled_;      // our duplicates
    std::vector<std::size_t> number_; // of each in the process
};

} // namespace

std::unique_ptr<parked_wait> park_select(notification const& n, process const& of, wait_tools const& tools) {
    if (n.args[0] == 0 || n.args[0] > most_selected) return nullptr;
    auto wait = std::make_unique<select_park>(n, tools);
    return wait->take(of) ? std::move(wait) : nullptr;
}

} // namespace shutdown_repro::repro::steer
