// Who listens, as the process table says: /proc/net/tcp is read, nothing is bound (a port in TIME_WAIT would mislead).
#pragma once
#include <cstdint>
#include <optional>

namespace shutdown_repro::repro {

// The inode of the socket that listens on the loopback's port, or nothing.
std::optional<std::uint64_t> listening_inode(std::uint16_t port);

} // namespace shutdown_repro::repro
