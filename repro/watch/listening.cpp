#include "repro/watch/listening.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include "repro/watch/socket_table.hpp"

namespace shutdown_repro::repro {
namespace {

// An address as /proc/net/tcp has it: words of 32 bits in the byte order of the machine, as hexadecimal digits.
std::string address_in_words(std::string const& digits) {
    unsigned char bytes[16] = {};
    std::size_t const words = digits.size() / 8;
    for (std::size_t i = 0; i < words && i < 4; ++i) {
        auto const word = static_cast<std::uint32_t>(std::stoul(digits.substr(8 * i, 8), nullptr, 16));
        std::memcpy(bytes + 4 * i, &word, sizeof word);
    }
    char text[INET6_ADDRSTRLEN] = {};
    inet_ntop(words == 1 ? AF_INET : AF_INET6, bytes, text, sizeof text);
    return words == 1 ? text : "[" + std::string(text) + "]";
}

template <class Take> void each_line(char const* file, Take&& take) {
    std::ifstream table(file);
    std::string line;
    for (std::getline(table, line); std::getline(table, line);) take(line);
}

// Returns the sockets that are bound to a path in the folder of this one, those that listen or those that do not.
std::vector<std::uint64_t> sockets_beside(std::string const& path, bool listening) {
    std::vector<std::uint64_t> found;
    std::string const folder = path.substr(0, path.rfind('/') + 1);
    each_line("/proc/net/unix", [&](std::string const& line) {
        constexpr unsigned listens = 0x10000;
        unsigned flags = 0;
        unsigned long inode = 0;
        int at = 0; // of the path
        bool const read = std::sscanf(line.c_str(), "%*s %*s %*s %x %*s %*s %lu %n", &flags, &inode, &at) >= 2 && at;
        if (!read || ((flags & listens) != 0) != listening) return;
        std::string const bound = line.substr(static_cast<std::size_t>(at));
        if (bound.starts_with(folder) && bound.find('/', folder.size()) == bound.npos) found.push_back(inode);
    });
    return found;
}

} // namespace

std::optional<std::uint64_t> listening_inode(std::uint16_t port) {
    for (socket_row const& s : tcp_sockets())
        if (s.state == socket_row::listen && s.local_port == port) return s.inode;
    return std::nullopt;
}

std::vector<std::string> listening_places(std::span<std::uint64_t const> inodes) {
    std::vector<std::string> places;
    auto const add = [&](std::string const& place, unsigned long inode) {
        if (std::ranges::count(inodes, inode) && !std::ranges::count(places, place)) places.push_back(place);
    };
    for (char const* const file : {"/proc/net/tcp", "/proc/net/tcp6"})
        each_line(file, [&](std::string const& line) {
            char address[33] = {};
            unsigned port = 0, state = 0;
            unsigned long inode = 0;
            int const read = std::sscanf(
                line.c_str(), " %*u: %32[0-9A-F]:%4x %*s %2x %*s %*s %*s %*s %*s %lu", address, &port, &state, &inode);
            if (read == 4 && state == socket_row::listen)
                add(address_in_words(address) + ":" + std::to_string(port), inode);
        });
    each_line("/proc/net/unix", [&](std::string const& line) {
        constexpr unsigned listens = 0x10000;
        unsigned flags = 0;
        unsigned long inode = 0;
        char path[110] = {};
        if (std::sscanf(line.c_str(), "%*s %*s %*s %x %*s %*s %lu %109[^\n]", &flags, &inode, path) == 3 &&
            (flags & listens))
            add("the Unix socket " + std::string(path), inode);
    });
    return places;
}

std::vector<std::uint64_t> listening_on_path(std::string const& path) {
    std::error_code failed;
    if (!std::filesystem::is_socket(path, failed)) return {};
    return sockets_beside(path, true);
}

std::vector<std::uint64_t> accepted_on_path(std::string const& path) { return sockets_beside(path, false); }

} // namespace shutdown_repro::repro
