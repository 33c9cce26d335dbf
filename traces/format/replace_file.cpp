#include "traces/format/replace_file.hpp"
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::traces {

namespace {

int open_write_close(std::string const& path, int flags, mode_t mode, std::function<int(int)> const& write) {
    int const fd = ::open(path.c_str(), flags | O_WRONLY | O_CLOEXEC, mode);
    if (fd < 0) return errno;
    int const error = write(fd);
    if (::close(fd) < 0 && !error) return errno; // with a quota or a network file system only close reports the error
    return error;
}

// Returns the error that the kernel has for following the link to write there. Reading the link and going there by
// oneself would evade its protection.
int follow_to_write(std::string const& link) {
    return open_write_close(link, O_CREAT, 0666, [](int) { return 0; });
}

// Returns the file that a chain of symbolic links leads to, which need not exist.
std::string behind_links(std::filesystem::path path) {
    namespace fs = std::filesystem;
    std::error_code none;
    for (int links = 0; fs::is_symlink(path, none); ++links) {
        if (links == 40) throw trace_error(cannot_write(path, ELOOP));
        path = path.parent_path() / fs::read_symlink(path, none);
    }
    return path;
}

std::string unused_name_beside(std::string const& path) {
    static std::atomic<unsigned> number = 0;
    return path + '.' + std::to_string(::getpid()) + '-' + std::to_string(++number) + ".tmp";
}

} // namespace

std::string cannot_write(std::string const& path, int error) {
    return "cannot write " + path + ": " + std::strerror(error);
}

int write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t const n = ::write(fd, bytes.data(), bytes.size());
        if (n >= 0) bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EINTR) return errno;
    }
    return 0;
}

void replace_file(std::string const& path, std::function<int(int)> const& write) {
    struct stat there {};
    bool const exists = ::stat(path.c_str(), &there) == 0;
    if (exists && !S_ISREG(there.st_mode)) { // a device or a pipe can't be replaced
        if (int const error = open_write_close(path, 0, 0, write)) throw trace_error(cannot_write(path, error));
        return;
    }
    std::error_code none;
    bool const is_link = std::filesystem::is_symlink(path, none);
    std::string const target = behind_links(path), temporary = unused_name_beside(target);
    if (int const denied = is_link ? follow_to_write(path) : 0) throw trace_error(cannot_write(path, denied));
    mode_t const mode = exists ? there.st_mode & 0777 : 0666;
    int error = open_write_close(temporary, O_CREAT | O_EXCL, mode, write);
    if (!error && ::rename(temporary.c_str(), target.c_str()) < 0) error = errno;
    if (error) {
        ::unlink(temporary.c_str());
        if (is_link && !exists) ::unlink(target.c_str()); // made by following the link
        throw trace_error(cannot_write(path, error));
    }
}

void replace_file(std::string const& path, std::string_view text) {
    replace_file(path, [text](int fd) { return write_all(fd, text); });
}

} // namespace shutdown_repro::traces
