#include "repro/watch/exit_status.hpp"
#include <cstdint>
#include <string>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace shutdown_repro::repro {
namespace {

// struct pidfd_info of linux/pidfd.h, which Debian 12's headers do not have.
struct kept_info {
    std::uint64_t wanted = 0, cgroup = 0;
    std::uint32_t ids[11] = {};
    std::int32_t exit_code = 0;
};
constexpr std::uint64_t exit_wanted = 1 << 3;
constexpr unsigned long get_info = _IOWR(0xFF, 11, kept_info);

} // namespace

process_end end_of_status(int wait_status) {
    process_end end;
    if (WIFSIGNALED(wait_status)) end.signal = WTERMSIG(wait_status);
    else end.status = WEXITSTATUS(wait_status);
    return end;
}

unique_fd open_process(process_row const& row) {
    unique_fd process(static_cast<int>(syscall(SYS_pidfd_open, row.pid, 0)));
    auto const now = find_process(row.pid);
    return now && now->started == row.started ? std::move(process) : unique_fd();
}

std::optional<process_end> end_of_reaped(unique_fd const& process) {
    kept_info info{.wanted = exit_wanted};
    if (!process || ioctl(process.get(), get_info, &info) != 0 || !(info.wanted & exit_wanted)) return std::nullopt;
    return end_of_status(info.exit_code);
}

// The kernel shows 0 to those who may not know.
std::optional<process_end> end_of_zombie(process_row const& row) {
    struct stat folder {};
    std::string const path = "/proc/" + std::to_string(row.pid);
    bool const may_know = stat(path.c_str(), &folder) == 0 && (geteuid() == 0 || folder.st_uid == geteuid());
    if (row.state != 'Z' || !may_know) return std::nullopt;
    return end_of_status(row.exit_code);
}

} // namespace shutdown_repro::repro
