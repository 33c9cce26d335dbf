#include "repro/steer/epoll_files.hpp"
#include <cstdio>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "repro/steer/proc_text.hpp"

namespace shutdown_repro::repro::steer {

std::vector<epoll_entry> entries_of(int epoll) {
    std::vector<epoll_entry> all;
    std::string const text = text_of("/proc/self/fdinfo/" + std::to_string(epoll));
    for (std::size_t at = 0; (at = text.find("tfd:", at)) != text.npos; at += 4) {
        int fd = 0;
        unsigned events = 0;
        unsigned long long data = 0, inode = 0;
        if (std::sscanf(
                text.c_str() + at, "tfd: %d events: %x data: %llx pos:%*d ino:%llx", &fd, &events, &data, &inode) == 4)
            all.push_back({fd, events, data, inode});
    }
    return all;
}

int epoll_files::number_of(int fd) {
    for (std::size_t i = 0; i < files_.size(); ++i)
        if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, files_[i].get(), fd) == 0) return static_cast<int>(i);
    files_.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    return static_cast<int>(files_.size()) - 1;
}

} // namespace shutdown_repro::repro::steer
