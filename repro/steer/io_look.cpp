#include "repro/steer/io_look.hpp"
#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <vector>
#include "repro/steer/memory.hpp"

namespace shutdown_repro::repro::steer {
namespace {

constexpr std::size_t most_parts = 1024;

std::uint64_t bytes_in_parts(int tid, std::uint64_t address, std::size_t count) {
    std::vector<iovec> parts(std::min(count, most_parts));
    if (!read_array(tid, address, parts)) return 0;
    std::uint64_t bytes = 0;
    for (iovec const& one : parts) bytes += one.iov_len;
    return bytes;
}

std::uint64_t bytes_in_message(int tid, std::uint64_t address) {
    msghdr message{};
    if (!read_object(tid, address, message)) return 0;
    return bytes_in_parts(tid, reinterpret_cast<std::uint64_t>(message.msg_iov), message.msg_iovlen);
}

// The number of bytes that the call has room for, or offers. Of recvmmsg and sendmmsg the first message counts.
std::uint64_t bytes_asked(notification const& n) {
    switch (n.number) {
    case SYS_readv:
    case SYS_writev:
    case SYS_preadv2:
    case SYS_pwritev2: return bytes_in_parts(n.tid, n.args[1], n.args[2]);
    case SYS_recvmsg:
    case SYS_sendmsg:
    case SYS_recvmmsg:
    case SYS_sendmmsg: return bytes_in_message(n.tid, n.args[1]);
    case SYS_sendfile: return n.args[3];
    case SYS_splice: return n.args[4];
    default: return n.args[2];
    }
}

bool only_peeks(notification const& n) {
    std::uint64_t const flags = n.number == SYS_recvfrom || n.number == SYS_recvmmsg ? n.args[3]
        : n.number == SYS_recvmsg                                                    ? n.args[2]
                                                                                     : 0;
    return flags & MSG_PEEK;
}

bool is_ready(int fd, short events) {
    pollfd p{fd, events, 0};
    return poll(&p, 1, 0) > 0;
}

std::uint64_t waiting_bytes(int fd) {
    int count = 0;
    return ioctl(fd, FIONREAD, &count) == 0 && count > 0 ? static_cast<std::uint64_t>(count) : 0;
}

io_look look_at_read(held_call& c, int fd) {
    char byte;
    ssize_t const got = c.socket_error ? -1 : recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0)
        return {
            .verb = only_peeks(c.asked) ? "peek" : "read", .bytes = std::min(bytes_asked(c.asked), waiting_bytes(fd))};
    if (got == 0) return {.verb = "eof"};
    if (!c.socket_error && (errno == EAGAIN || errno == EINTR)) return {.verb = "read-again"};
    if (!c.socket_error) c.socket_error = errno;
    return {.verb = "read-error"};
}

} // namespace

int descriptor_of(notification const& n, call_kind) { return static_cast<int>(n.args[n.number == SYS_splice ? 2 : 0]); }

io_look look_at(held_call& c, int fd) {
    switch (c.kind) {
    case call_kind::accept: return {.verb = is_ready(fd, POLLIN) ? "accept" : "accept-again"};
    case call_kind::read: return look_at_read(c, fd);
    case call_kind::write:
        return {.verb = is_ready(fd, POLLOUT) ? "write" : "write-again", .bytes = bytes_asked(c.asked)};
    case call_kind::connect: return {.verb = "connect"};
    case call_kind::close:
        return {.verb = "close", .unread = c.on.is == endpoint::role::listener ? 0 : waiting_bytes(fd)};
    case call_kind::shutdown: return {.verb = "shutdown"};
    default: return {.verb = "exit"};
    }
}

} // namespace shutdown_repro::repro::steer
