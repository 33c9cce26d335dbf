// Finds listening sockets in /proc/net/tcp. Binding the port instead would mislead when it is in TIME_WAIT.
#pragma once
#include <cstdint>
#include <optional>

namespace shutdown_repro::repro {

// Returns the inode of a socket that listens on this port, or nothing.
std::optional<std::uint64_t> listening_inode(std::uint16_t port);

} // namespace shutdown_repro::repro
