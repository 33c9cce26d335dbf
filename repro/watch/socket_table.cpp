#include "repro/watch/socket_table.hpp"
#include <cstdio>
#include <fstream>
#include <string>

namespace shutdown_repro::repro {

std::vector<socket_row> tcp_sockets() {
    std::vector<socket_row> all;
    for (char const* const name : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream table(name);
        std::string line;
        for (std::getline(table, line); std::getline(table, line);) {
            unsigned local = 0, remote = 0, state = 0, unsent = 0, unread = 0;
            unsigned long inode = 0;
            // slot: local remote state sent:unread timer:when retransmits uid timeout inode
            int const read =
                std::sscanf(line.c_str(), " %*u: %*[0-9A-F]:%4x %*[0-9A-F]:%4x %2x %8x:%8x %*s %*s %*s %*s %lu", &local,
                    &remote, &state, &unsent, &unread, &inode);
            if (read != 6) continue;
            all.push_back({.local_port = static_cast<std::uint16_t>(local),
                .remote_port = static_cast<std::uint16_t>(remote),
                .state = state,
                .unread = unread,
                .unsent = unsent,
                .inode = inode});
        }
    }
    return all;
}

} // namespace shutdown_repro::repro
