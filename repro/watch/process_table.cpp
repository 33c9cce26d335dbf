#include "repro/watch/process_table.hpp"
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/syscall.h>
#include <unistd.h>
#include "repro/input/errors.hpp"
#include "repro/process/child_process.hpp"

namespace shutdown_repro::repro {
namespace {

std::string path_of(int pid, std::string_view what) { return "/proc/" + std::to_string(pid) + "/" + std::string(what); }

// Returns as much as can be read: the process may exit meanwhile, in which case a stream buffer would throw.
std::string contents(std::string const& path) {
    std::string text;
    unique_fd const file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char part[4096];
    for (ssize_t got; file && (got = read(file.get(), part, sizeof part)) > 0;)
        text.append(part, static_cast<std::size_t>(got));
    return text;
}

// Returns the entries of a folder whose names are numbers.
std::vector<int> numbers_in(std::string const& folder) {
    std::vector<int> found;
    DIR* const all = opendir(folder.c_str());
    if (!all) return found;
    while (dirent const* const entry = readdir(all)) {
        std::string_view const name = entry->d_name;
        int number = 0;
        auto const [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc{} && end == name.data() + name.size()) found.push_back(number);
    }
    closedir(all);
    return found;
}

bool is_in(std::uint64_t mask, int signal) { return mask >> (signal - 1) & 1; }

bool mask_has(std::string const& status, std::string_view mask, int signal) {
    auto const at = status.find(mask);
    return at != status.npos && is_in(std::strtoull(status.c_str() + at + mask.size(), nullptr, 16), signal);
}

// Returns whether the thread is in rt_sigtimedwait, by which sigwait and its like are made, with this signal.
bool waits_for_signal(int pid, int thread, int signal) {
    std::string const call = contents(path_of(pid, "task/" + std::to_string(thread) + "/syscall"));
    long number = -1;
    unsigned long set_at = 0; // the address of the set in the memory of the process
    if (std::sscanf(call.c_str(), "%ld %lx", &number, &set_at) != 2 || number != SYS_rt_sigtimedwait) return false;
    unique_fd const memory(open(path_of(pid, "mem").c_str(), O_RDONLY | O_CLOEXEC));
    std::uint64_t set = 0;
    return memory && pread(memory.get(), &set, sizeof set, static_cast<off_t>(set_at)) == sizeof set &&
        is_in(set, signal);
}

bool has_signalfd(int pid, int signal) {
    std::vector<int> const all = numbers_in(path_of(pid, "fdinfo"));
    return std::any_of(all.begin(), all.end(), [&](int fd) {
        return mask_has(contents(path_of(pid, "fdinfo/" + std::to_string(fd))), "\nsigmask:\t", signal);
    });
}

} // namespace

std::optional<process_row> find_process(int pid) {
    // The format is "pid (name) state parent group session …". The name may contain any character; field 22 is the
    // start time.
    std::string const text = contents(path_of(pid, "stat"));
    auto const open = text.find('('), close = text.rfind(')');
    if (open == text.npos || close == text.npos || close < open) return std::nullopt;
    process_row row;
    row.pid = pid;
    row.name = text.substr(open + 1, close - open - 1);
    std::istringstream rest(text.substr(close + 1));
    rest >> row.state >> row.parent >> row.group >> row.session;
    std::string skipped;
    for (int field = 7; field < 22; ++field) rest >> skipped;
    rest >> row.started;
    if (!rest) return std::nullopt;
    for (int field = 23; field < 52; ++field) rest >> skipped;
    rest >> row.exit_code;
    return row;
}

void need_proc() {
    if (!find_process(getpid()))
        throw input_error(
            "cannot read /proc, which shows whether a server listens and which processes it has; mount it "
            "(mount -t proc proc /proc)");
}

std::vector<int> all_processes() { return numbers_in("/proc"); }

std::vector<int> children_of(int pid) {
    std::vector<int> all;
    for (int const thread : numbers_in(path_of(pid, "task"))) {
        std::ifstream list(path_of(pid, "task/" + std::to_string(thread) + "/children"));
        for (int child; list >> child;) all.push_back(child);
    }
    return all;
}

std::vector<int> descendants_of(int pid) {
    std::vector<int> all = children_of(pid);
    for (std::size_t i = 0; i < all.size(); ++i)
        for (int const child : children_of(all[i])) all.push_back(child);
    return all;
}

bool is_first_of_namespace(int pid) {
    std::string const status = contents(path_of(pid, "status"));
    constexpr std::string_view key = "\nNSpid:"; // its numbers, from our namespace to its own
    auto const at = status.find(key);
    if (at == status.npos) return false;
    std::istringstream numbers(status.substr(at + key.size(), status.find('\n', at + 1) - at - key.size()));
    int count = 0, last = 0;
    for (int number; numbers >> number; ++count) last = number;
    return count > 1 && last == 1;
}

signal_disposition disposition_of(int pid, int signal) {
    std::string const status = contents(path_of(pid, "status"));
    signal_disposition d{.caught = mask_has(status, "\nSigCgt:\t", signal),
        .ignored = mask_has(status, "\nSigIgn:\t", signal),
        .blocked = true};
    bool all_others_block = true, thread_waits = false;
    for (int const thread : numbers_in(path_of(pid, "task"))) {
        bool const blocks =
            mask_has(contents(path_of(pid, "task/" + std::to_string(thread) + "/status")), "\nSigBlk:\t", signal);
        bool const waits = waits_for_signal(pid, thread, signal); // while it waits, the kernel shows it as not blocked
        d.blocked = d.blocked && blocks;
        all_others_block = all_others_block && (blocks || waits);
        thread_waits = thread_waits || waits;
    }
    d.awaited = all_others_block && (thread_waits || has_signalfd(pid, signal));
    return d;
}

open_files files_of(int pid) {
    open_files found;
    for (int const fd : numbers_in(path_of(pid, "fd"))) {
        char target[64];
        ssize_t const length = readlink(path_of(pid, "fd/" + std::to_string(fd)).c_str(), target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = 0;
        ++found.count;
        constexpr std::string_view socket = "socket:[";
        if (std::string_view(target).starts_with(socket))
            found.sockets.push_back(std::strtoull(target + socket.size(), nullptr, 10));
    }
    return found;
}

// The auxiliary vector has the addresses of the program and of its random bytes.
std::string image_of(int pid) {
    char program[4096];
    ssize_t const length = readlink(path_of(pid, "exe").c_str(), program, sizeof program);
    if (length <= 0) return {};
    return std::string(program, static_cast<std::size_t>(length)) + contents(path_of(pid, "auxv"));
}

bool has_environment(int pid, std::string_view entry) {
    std::string const all = '\0' + contents(path_of(pid, "environ")) + '\0';
    return all.find('\0' + std::string(entry) + '\0') != all.npos;
}

} // namespace shutdown_repro::repro
