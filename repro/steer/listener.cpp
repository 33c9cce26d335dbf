#include "repro/steer/listener.hpp"
#include <algorithm>
#include <fcntl.h>
#include <iterator>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <utility>

namespace shutdown_repro::repro::steer {
namespace {

// Linux 6.6: the thread that is answered is woken on this core, which halves the cost. Older headers do not have it.
constexpr unsigned long set_flags = _IOW('!', 4, std::uint64_t), wake_on_this_core = 1;

short state_of(int fd) {
    pollfd p{fd, POLLIN, 0};
    return poll(&p, 1, 0) > 0 ? p.revents : short{0};
}

} // namespace

listener::listener(unique_fd fd) : fd_(std::move(fd)) { ioctl(fd_.get(), set_flags, wake_on_this_core); }

bool listener::pending() const { return state_of(fd_.get()) & POLLIN; }
bool listener::unused() const { return state_of(fd_.get()) & POLLHUP; }

std::optional<notification> listener::receive() {
    if (!pending()) return std::nullopt;
    seccomp_notif n{};
    if (ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_RECV, &n) != 0) return std::nullopt; // it was killed or interrupted
    notification got{.id = n.id,
        .tid = static_cast<int>(n.pid),
        .number = n.data.nr,
        .native = n.data.arch == AUDIT_ARCH_X86_64 && !(n.data.nr & 0x40000000)};
    std::copy(std::begin(n.data.args), std::end(n.data.args), got.args);
    return got;
}

bool listener::valid(std::uint64_t id) const { return ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

bool listener::send(std::uint64_t id, std::int64_t value, int error, std::uint32_t flags) {
    seccomp_notif_resp r{.id = id, .val = value, .error = -error, .flags = flags};
    return ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_SEND, &r) == 0;
}

bool listener::let_go(std::uint64_t id) { return send(id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE); }
bool listener::answer(std::uint64_t id, std::int64_t value) { return send(id, value, 0, 0); }
bool listener::fail(std::uint64_t id, int error) { return send(id, 0, error, 0); }

bool listener::hand_over(std::uint64_t id, int fd, bool close_on_exec) {
    seccomp_notif_addfd add{};
    add.id = id;
    add.flags = SECCOMP_ADDFD_FLAG_SEND; // installs it and answers with its number in one step
    add.srcfd = static_cast<std::uint32_t>(fd);
    add.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
    return ioctl(fd_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0;
}

} // namespace shutdown_repro::repro::steer
