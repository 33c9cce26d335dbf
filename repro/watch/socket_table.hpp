// The TCP sockets of this machine, from /proc/net/tcp and /proc/net/tcp6.
#pragma once
#include <cstdint>
#include <vector>

namespace shutdown_repro::repro {

struct socket_row {
    std::uint16_t local_port = 0, remote_port = 0;
    unsigned state = 0;       // socket_row::listen, …
    std::uint32_t unread = 0; // bytes received but not read
    std::uint32_t unsent = 0; // bytes written but not acknowledged by the peer
    std::uint64_t inode = 0;  // 0 if no process has it: not accepted yet, or already closed
    static constexpr unsigned established = 0x01, close_wait = 0x08, listen = 0x0A;
};
std::vector<socket_row> tcp_sockets();

} // namespace shutdown_repro::repro
