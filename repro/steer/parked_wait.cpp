#include "repro/steer/parked_wait.hpp"
#include <algorithm>
#include <sys/epoll.h>
#include "repro/steer/memory.hpp"
#include "repro/steer/proc_text.hpp"

namespace shutdown_repro::repro::steer {

std::string ready_event::key() const {
    std::string text = what.steered() ? what.name() : other;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) text += "+in";
    if (events & EPOLLOUT) text += "+out";
    return text;
}

void sort_by_name(std::vector<ready_event>& events) {
    std::ranges::stable_sort(events, [](ready_event const& a, ready_event const& b) {
        return std::tuple(a.what.order(), a.key(), a.data, a.index) <
            std::tuple(b.what.order(), b.key(), b.data, b.index);
    });
}

std::string kind_of_file(int fd) {
    std::string const link = link_of("/proc/self/fd/" + std::to_string(fd));
    constexpr std::string_view anonymous = "anon_inode:[";
    if (link.starts_with(anonymous)) return link.substr(anonymous.size(), link.size() - anonymous.size() - 1);
    if (link.starts_with("/")) return "file";
    return link.substr(0, link.find(':'));
}

traces::nanoseconds deadline_in_ms(std::int64_t ms) {
    return ms < 0 ? parked_wait::no_deadline : traces::monotonic_now() + ms * traces::millisecond;
}

traces::nanoseconds deadline_of_timespec(int tid, std::uint64_t address, std::int64_t fraction_ns) {
    std::int64_t t[2];
    constexpr std::int64_t second = 1'000'000'000, years = 1'000'000'000;
    if (!address || !read_object(tid, address, t) || t[0] < 0 || t[0] > years) return parked_wait::no_deadline;
    return traces::monotonic_now() + t[0] * second + t[1] * fraction_ns;
}

std::optional<std::uint64_t> mask_at(int tid, std::uint64_t address) {
    std::uint64_t mask = 0;
    return address && read_object(tid, address, mask) ? std::optional(mask) : std::nullopt;
}

} // namespace shutdown_repro::repro::steer
