// Shared by the tests of the live world: folders, scripts, and waiting for files to grow (by inotify, without
// sleeping).
#pragma once
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>
#include "repro/process/child_process.hpp"
#include "repro/watch/process_table.hpp"

namespace shutdown_repro {

constexpr int patience_ms = 20'000; // a test waits this long only when it fails

class test_folder {
public:
    test_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "live-test-XXXXXX").string();
        if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp: " + std::string(std::strerror(errno)));
        path = name;
    }
    test_folder(test_folder const&) = delete;
    ~test_folder() { std::filesystem::remove_all(path); }

    // An executable shell script.
    std::string script(std::string const& lines) const {
        auto const file = path / "script";
        std::ofstream(file) << "#!/bin/sh\n" << lines << '\n';
        std::filesystem::permissions(file, std::filesystem::perms::owner_all);
        return file.string();
    }
    std::filesystem::path path;
};

inline std::string contents(std::filesystem::path const& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

inline bool readable_in_time(int fd) {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, patience_ms) == 1;
}

// Waits until a change of the folder's files makes the condition true; returns false when that takes too long.
inline bool wait_for_change(std::filesystem::path const& folder, std::function<bool()> const& condition) {
    repro::unique_fd const watch(inotify_init1(IN_CLOEXEC));
    if (inotify_add_watch(watch.get(), folder.c_str(), IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE) < 0) return false;
    while (!condition()) {
        alignas(inotify_event) char events[4096];
        if (!readable_in_time(watch.get()) || read(watch.get(), events, sizeof events) <= 0) return false;
    }
    return true;
}

// Returns the servers among the children of a runner, without its guardian.
inline std::vector<int> servers_of(int runner) {
    std::vector<int> pids = repro::children_of(runner);
    std::erase_if(
        pids, [](int pid) { return repro::find_process(pid).value_or(repro::process_row{}).name == "guardian"; });
    return pids;
}

inline repro::unique_fd handle_of_process(int pid) {
    return repro::unique_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

inline std::size_t open_descriptors() {
    auto const all = std::filesystem::directory_iterator("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace shutdown_repro
