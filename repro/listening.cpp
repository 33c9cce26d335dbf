#include "repro/listening.hpp"
#include <cstdio>
#include <fstream>
#include <string>

namespace shutdown_repro::repro {

std::optional<std::uint64_t> listening_inode(std::uint16_t port) {
    constexpr unsigned state_listen = 0x0A;
    std::ifstream table("/proc/net/tcp");
    std::string row;
    for (std::getline(table, row); std::getline(table, row);) {
        unsigned address = 0, local_port = 0, state = 0;
        unsigned long inode = 0;
        // slot: local remote state queues timer retransmits uid timeout inode
        int const read = std::sscanf(row.c_str(), " %*u: %8x:%4x %*s %2x %*s %*s %*s %*s %*s %lu", &address, &local_port, &state, &inode);
        if (read == 4 && state == state_listen && local_port == port) return inode;
    }
    return std::nullopt;
}

} // namespace shutdown_repro::repro
