#include "cli/reports/files.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include "repro/errors.hpp"

namespace shutdown_repro::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(std::string_view flag, std::string const& path, int error) {
    throw repro::input_error(std::string(flag) + ": can't write " + path + ": " + std::strerror(error) + "; choose another file");
}

// The error, 0 for none.
int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        ssize_t const n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        text.remove_prefix(static_cast<std::size_t>(n));
    }
    return 0;
}

// Some file systems say only here that they are full.
int write_and_close(int fd, std::string_view text) {
    int const failed = write_all(fd, text);
    return ::close(fd) != 0 && !failed ? errno : failed;
}

int write_to(std::string const& path, int flags, std::string_view text) {
    int const fd = ::open(path.c_str(), flags | O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return fd < 0 ? errno : write_and_close(fd, text);
}

bool replaceable(std::string const& path) {
    std::error_code ignored;
    fs::file_type const type = fs::symlink_status(path, ignored).type();
    return type == fs::file_type::regular || type == fs::file_type::not_found;
}

} // namespace

void write_report(std::string_view flag, std::string const& path, std::string_view text) {
    if (!replaceable(path)) {
        if (int const failed = write_to(path, O_TRUNC, text)) fail(flag, path, failed);
        return;
    }
    std::string const beside = path + ".new-" + std::to_string(::getpid());
    int failed = write_to(beside, O_EXCL, text);
    if (!failed && ::rename(beside.c_str(), path.c_str()) != 0) failed = errno;
    if (failed && failed != EEXIST) ::unlink(beside.c_str());
    if (failed) fail(flag, path, failed);
}

void append_report(std::string_view name, std::string const& path, std::string_view text) {
    if (int const failed = write_to(path, O_APPEND, text)) fail(name, path, failed);
}

void expect_writable(std::string_view flag, std::string const& path) {
    std::error_code ignored;
    fs::path const folder = fs::path(path).parent_path();
    if (fs::is_directory(path, ignored)) fail(flag, path, EISDIR);
    if (!folder.empty() && !fs::is_directory(folder, ignored)) throw repro::input_error(std::string(flag) + ": there is no folder " + folder.string() + "; make it, or choose another file");
}

} // namespace shutdown_repro::cli
