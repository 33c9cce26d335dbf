#include "repro/process/pid_namespace.hpp"
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace shutdown_repro::repro {
namespace {

// "1000 1000 1": one id, which stays the same in the namespace.
std::string same_id(unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1"; }

int fork_into(unsigned long namespaces) {
    return static_cast<int>(syscall(SYS_clone, namespaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
}

bool write_file_of_kernel(char const* path, char const* text, std::size_t size) {
    int const file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return false;
    bool const written = write(file, text, size) == static_cast<ssize_t>(size);
    int const why = errno;
    close(file);
    errno = why;
    return written;
}

// In a chroot "/" is no mount; there only what is mounted over /proc has to stay in the namespace.
bool keep_mounts_inside() {
    return mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) == 0 ||
        (errno == EINVAL && mount("", "/proc", "", MS_REC | MS_PRIVATE, nullptr) == 0);
}

} // namespace

pid_namespace::pid_namespace() : users_(same_id(geteuid())), groups_(same_id(getegid())) {}

int pid_namespace::fork() {
    constexpr unsigned long both = CLONE_NEWPID | CLONE_NEWNS;
    of_user_ = false;
    if (int const pid = fork_into(both); pid >= 0 || errno != EPERM) return pid;
    of_user_ = true; // before the child is forked, which reads it
    return fork_into(both | CLONE_NEWUSER);
}

char const* pid_namespace::enter() const {
    if (of_user_) {
        constexpr char deny[] = "deny"; // else an unprivileged user may not write gid_map
        if (!write_file_of_kernel("/proc/self/setgroups", deny, sizeof deny - 1)) return "denying setgroups";
        if (!write_file_of_kernel("/proc/self/uid_map", users_.data(), users_.size())) return "mapping the user";
        if (!write_file_of_kernel("/proc/self/gid_map", groups_.data(), groups_.size())) return "mapping the group";
    }
    if (!keep_mounts_inside()) return "making its mounts private";
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return "mounting /proc";
    return nullptr;
}

} // namespace shutdown_repro::repro
