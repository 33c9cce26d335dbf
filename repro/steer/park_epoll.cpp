// epoll_wait, epoll_pwait and epoll_pwait2.
#include <algorithm>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "repro/steer/memory.hpp"
#include "repro/steer/parked_wait.hpp"

namespace shutdown_repro::repro::steer {
namespace {

constexpr std::uint32_t always = EPOLLERR | EPOLLHUP;
constexpr std::uint32_t settings = EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE;
constexpr int most_events = 512;

class epoll_park final : public parked_wait {
public:
    epoll_park(unique_fd file, notification const& n, process const& of, wait_tools const& tools)
        : file_(std::move(file)),
          number_(tools.epolls.number_of(file_.get())),
          tid_(n.tid),
          to_(n.args[1]),
          room_(n.args[2]),
          of_(of.pid),
          tools_(tools) {
        deadline = n.number == SYS_epoll_pwait2 ? deadline_of_timespec(n.tid, n.args[3], 1)
                                                : deadline_in_ms(static_cast<int>(n.args[3]));
        if (n.number != SYS_epoll_wait) mask = mask_at(n.tid, n.args[4]);
    }
    std::vector<ready_event> ready() override;
    std::optional<std::int64_t> write(std::span<ready_event const>) override;
    int epoll() const override { return number_; }

private:
    using events_by_data = std::map<std::uint64_t, std::uint32_t>;
    unique_fd file_of(epoll_entry const&) const;
    std::uint32_t still_true(epoll_entry const&, std::uint32_t events) const;
    events_by_data look(std::vector<epoll_entry> const&, std::span<epoll_event const> fresh);
    void check_kept(std::vector<epoll_entry> const&);
    ready_event named(std::vector<epoll_entry> const&, std::uint64_t data, std::uint32_t events) const;

    unique_fd file_;
    int number_, tid_;
    std::uint64_t to_, room_;
    int of_;
    wait_tools tools_;
};

// A duplicate of the file of an entry. Its descriptor is one of the process that has added it, which need not be the
// one that waits, and that process may have closed it or may use its number for another file by now.
unique_fd epoll_park::file_of(epoll_entry const& e) const {
    auto const taken_from = [&](process const& p) {
        unique_fd fd = tools_.all.take(p, e.fd);
        struct stat is {};
        bool const same = fd && fstat(fd.get(), &is) == 0 && is.st_ino == e.inode;
        return same ? std::move(fd) : unique_fd();
    };
    std::vector<process const*> const all = tools_.all.all();
    for (bool const own : {true, false})
        for (process const* p : all)
            if ((p->pid == of_) == own)
                if (unique_fd fd = taken_from(*p)) return fd;
    return unique_fd();
}

std::uint32_t epoll_park::still_true(epoll_entry const& e, std::uint32_t events) const {
    unique_fd const fd = file_of(e);
    pollfd p{fd.get(), static_cast<short>(events & 0xffff), 0};
    if (!fd || poll(&p, 1, 0) <= 0) return 0;
    return static_cast<std::uint32_t>(static_cast<unsigned short>(p.revents)) & (events | always);
}

// Returns the level-triggered ones of the events that the kernel has just told. The others are ours to tell from now
// on.
epoll_park::events_by_data epoll_park::look(
    std::vector<epoll_entry> const& entries, std::span<epoll_event const> fresh) {
    events_by_data level, &kept = tools_.epolls.kept(number_);
    for (epoll_event const& one : fresh) {
        auto const e = std::ranges::find(entries, one.data.u64, &epoll_entry::data);
        bool const once = e != entries.end() && (e->events & (EPOLLET | EPOLLONESHOT));
        (once ? kept : level)[one.data.u64] |= one.events;
    }
    return level;
}

// What was kept may be true no longer: the descriptor was closed, drained, or is waited for in another way.
void epoll_park::check_kept(std::vector<epoll_entry> const& entries) {
    auto& kept = tools_.epolls.kept(number_);
    for (auto it = kept.begin(); it != kept.end();) {
        std::uint32_t events = 0;
        for (epoll_entry const& e : entries) {
            if (e.data != it->first) continue;
            bool const disarmed = (e.events & EPOLLONESHOT) && !(e.events & ~settings);
            events |= still_true(e, disarmed ? it->second : it->second & (e.events | always));
        }
        it->second = events;
        it = events ? std::next(it) : kept.erase(it);
    }
}

// Two entries can have the same data; then it is the one of which the events are true.
ready_event epoll_park::named(std::vector<epoll_entry> const& entries, std::uint64_t data, std::uint32_t events) const {
    ready_event r{.what = {}, .other = "other", .events = events, .data = data};
    for (epoll_entry const& e : entries) {
        if (e.data != data) continue;
        unique_fd const fd = file_of(e);
        if (!fd) continue;
        pollfd p{fd.get(), static_cast<short>(events & 0xffff), 0};
        bool const is_it = poll(&p, 1, 0) > 0;
        if (!is_it && r.other != "other") continue;
        r.what = tools_.sockets.identify(fd.get());
        r.other = r.what.steered() ? r.what.name() : kind_of_file(fd.get());
        if (is_it) break;
    }
    return r;
}

std::vector<ready_event> epoll_park::ready() {
    std::vector<ready_event> all;
    epoll_event fresh[most_events];
    int const count = epoll_wait(file_.get(), fresh, most_events, 0);
    if (count <= 0 && tools_.epolls.kept(number_).empty()) return all;
    std::vector<epoll_entry> const entries = entries_of(file_.get());
    // An entry that was armed again since its event was kept is told by the kernel anew.
    std::erase_if(tools_.epolls.kept(number_), [&](auto const& kept) {
        return std::ranges::any_of(entries, [&](epoll_entry const& e) {
            return e.data == kept.first && (e.events & EPOLLONESHOT) && (e.events & ~settings);
        });
    });
    auto const level = look(entries, {fresh, static_cast<std::size_t>(std::max(count, 0))});
    check_kept(entries);
    for (auto const& [data, events] : tools_.epolls.kept(number_)) all.push_back(named(entries, data, events));
    for (auto const& [data, events] : level) all.push_back(named(entries, data, events));
    sort_by_name(all);
    return all;
}

std::optional<std::int64_t> epoll_park::write(std::span<ready_event const> events) {
    std::vector<epoll_event> list;
    for (ready_event const& e : events.first(std::min<std::size_t>(events.size(), room_))) {
        list.push_back({.events = e.events, .data = {.u64 = e.data}});
    }
    if (!write_array(tid_, to_, list)) return std::nullopt;
    for (epoll_event const& e : list) tools_.epolls.kept(number_).erase(e.data.u64);
    return static_cast<std::int64_t>(list.size());
}

} // namespace

std::unique_ptr<parked_wait> park_epoll(notification const& n, process const& of, wait_tools const& tools) {
    unique_fd file = tools.all.take(of, static_cast<int>(n.args[0]));
    if (!file || static_cast<int>(n.args[2]) <= 0 || kind_of_file(file.get()) != "eventpoll") return nullptr;
    return std::make_unique<epoll_park>(std::move(file), n, of, tools);
}

} // namespace shutdown_repro::repro::steer
