// The epoll files of the server. Looking at one consumes edge-triggered and one-shot events; they are kept here until
// the server is told of them.
#pragma once
#include <cstdint>
#include <map>
#include <vector>
#include "repro/process/unique_fd.hpp"

namespace shutdown_repro::repro::steer {

// An entry of an epoll file, as /proc shows it.
struct epoll_entry {
    int fd = 0; // in the process that has added it
    std::uint32_t events = 0;
    std::uint64_t data = 0, inode = 0; // inode: of the file, whatever has the number of the descriptor by now
};
std::vector<epoll_entry> entries_of(int epoll); // of a descriptor of this process

class epoll_files {
public:
    // Returns the number of the epoll file of this descriptor. Processes can share a file, and numbers of descriptors
    // are used again.
    int number_of(int fd);
    // Events that were taken from the kernel and not yet delivered, by the data of their entry.
    std::map<std::uint64_t, std::uint32_t>& kept(int number) { return kept_[number]; }

private:
    std::vector<unique_fd> files_;
    std::map<int, std::map<std::uint64_t, std::uint32_t>> kept_;
};

} // namespace shutdown_repro::repro::steer
