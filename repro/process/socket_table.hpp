// The TCP sockets of this machine, as /proc/net/tcp and tcp6 have them.
#pragma once
#include <cstdint>
#include <vector>

namespace shutdown_repro::repro {

struct socket_row {
    std::uint16_t local_port = 0, remote_port = 0;
    unsigned state = 0;       // socket_row::listen, …
    std::uint32_t unread = 0; // bytes that arrived and that nobody has read
    std::uint64_t inode = 0;  // 0: of no process: not accepted yet, or already let go
    static constexpr unsigned established = 0x01, close_wait = 0x08, listen = 0x0A;
};
std::vector<socket_row> tcp_sockets();

} // namespace shutdown_repro::repro
