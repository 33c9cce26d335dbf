#include "repro/process/listening.hpp"
#include "repro/process/socket_table.hpp"

namespace shutdown_repro::repro {

std::optional<std::uint64_t> listening_inode(std::uint16_t port) {
    for (socket_row const& s : tcp_sockets())
        if (s.state == socket_row::listen && s.local_port == port) return s.inode;
    return std::nullopt;
}

} // namespace shutdown_repro::repro
