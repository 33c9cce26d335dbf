#include "repro/process/poller.hpp"
#include <algorithm>
#include <cerrno>
#include <system_error>
#include <unistd.h>
#include "traces/clock.hpp"

namespace shutdown_repro::repro {
namespace {

constexpr std::size_t most_a_round = 1024;

// Rounds up, so that the deadline has passed when the wait times out.
int milliseconds_until(traces::nanoseconds deadline) {
    traces::nanoseconds const left = deadline - traces::monotonic_now();
    return static_cast<int>(
        std::clamp<traces::nanoseconds>((left + traces::millisecond - 1) / traces::millisecond, 0, 1 << 30));
}

[[noreturn]] void fail(char const* what) { throw std::system_error(errno, std::generic_category(), what); }

} // namespace

poller::poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)), ready_(most_a_round) {
    if (epoll_ < 0) fail("epoll_create1");
}

poller::~poller() { ::close(epoll_); }

void poller::watch(int fd, std::uint32_t events, watcher& who) {
    auto const index = static_cast<std::size_t>(fd);
    if (index >= slots_.size()) slots_.resize(index + 1);
    slot& s = slots_[index];
    bool const known = s.who;
    if (!known) ++s.generation;
    s.who = &who;
    epoll_event wanted{};
    wanted.events = events;
    wanted.data.u64 = std::uint64_t{s.generation} << 32 | static_cast<std::uint32_t>(fd);
    if (epoll_ctl(epoll_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &wanted) != 0) fail("epoll_ctl");
}

void poller::forget(int fd) {
    auto const index = static_cast<std::size_t>(fd);
    if (index >= slots_.size() || !slots_[index].who) return;
    slots_[index].who = nullptr;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void poller::wait(traces::nanoseconds until) {
    int const count = epoll_wait(epoll_, ready_.data(), static_cast<int>(ready_.size()), milliseconds_until(until));
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; ++i) {
        epoll_event const& e = ready_[static_cast<std::size_t>(i)];
        auto const fd = static_cast<std::uint32_t>(e.data.u64);
        slot const s = slots_[fd];
        if (s.who && s.generation == e.data.u64 >> 32) s.who->on_ready(static_cast<int>(fd), e.events);
    }
}

} // namespace shutdown_repro::repro
