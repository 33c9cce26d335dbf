#include "repro/watch/process_events.hpp"
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shutdown_repro::repro {
namespace {

constexpr int most_waiting = 4 * 1024 * 1024; // bytes of events between two calls of take()

// Starts the events. Without the right to them the kernel refuses, or sends none.
bool listen_to(int socket) {
    sockaddr_nl here{};
    here.nl_family = AF_NETLINK;
    here.nl_groups = CN_IDX_PROC;
    if (bind(socket, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) return false;
    proc_cn_mcast_op const begin = PROC_CN_MCAST_LISTEN;
    char message[NLMSG_SPACE(sizeof(cn_msg) + sizeof begin)] = {};
    nlmsghdr head{};
    head.nlmsg_len = NLMSG_LENGTH(sizeof(cn_msg) + sizeof begin);
    head.nlmsg_type = NLMSG_DONE;
    cn_msg body{};
    body.id = {CN_IDX_PROC, CN_VAL_PROC};
    body.len = sizeof begin;
    std::memcpy(message, &head, sizeof head);
    std::memcpy(message + NLMSG_HDRLEN, &body, sizeof body);
    std::memcpy(message + NLMSG_HDRLEN + sizeof body, &begin, sizeof begin);
    return send(socket, message, head.nlmsg_len, 0) == static_cast<ssize_t>(head.nlmsg_len);
}

} // namespace

process_events::process_events()
    : socket_(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR)) {
    if (!socket_) return;
    if (setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &most_waiting, sizeof most_waiting) != 0)
        setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &most_waiting, sizeof most_waiting);
    if (!listen_to(socket_.get())) socket_.close();
}

void process_events::take(std::function<void(event const&)> const& tell) {
    char message[4096];
    for (ssize_t got; socket_ && ((got = recv(socket_.get(), message, sizeof message, 0)) > 0 || errno == ENOBUFS);) {
        constexpr std::size_t before = NLMSG_HDRLEN + sizeof(cn_msg);
        proc_event e{};
        if (got < static_cast<ssize_t>(before)) continue;
        std::memcpy(&e, message + before, std::min(sizeof e, static_cast<std::size_t>(got) - before));
        auto const& forked = e.event_data.fork;
        auto const& exited = e.event_data.exit;
        if (e.what == proc_event::PROC_EVENT_FORK && forked.child_pid == forked.child_tgid)
            tell({.pid = forked.child_tgid, .parent = forked.parent_tgid});
        if (e.what == proc_event::PROC_EVENT_EXIT && exited.process_pid == exited.process_tgid)
            tell({.exited = true, .pid = exited.process_tgid, .wait_status = static_cast<int>(exited.exit_code)});
    }
}

} // namespace shutdown_repro::repro
