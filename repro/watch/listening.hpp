// Finds listening sockets in /proc/net/tcp. Binding the port instead would mislead when it is in TIME_WAIT.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace shutdown_repro::repro {

// Returns the inode of a socket that listens on this port, or nothing.
std::optional<std::uint64_t> listening_inode(std::uint16_t port);

// Returns where the listening sockets among these inodes listen: "127.0.0.1:80", "[::1]:80", "the Unix socket /path".
std::vector<std::string> listening_places(std::span<std::uint64_t const> inodes);

// Returns the inodes of the sockets that may listen on this Unix path: of those bound to a path in its folder, as the
// kernel tells the path of the bind, and a server may rename it. None if no socket is there.
std::vector<std::uint64_t> listening_on_path(std::string const& path);
// The same for the connections that were accepted there, whether a socket is still there or not.
std::vector<std::uint64_t> accepted_on_path(std::string const& path);

} // namespace shutdown_repro::repro
