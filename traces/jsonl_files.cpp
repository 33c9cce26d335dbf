// Traces on disk: as they happen (file_sink) and whole (write_file).
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include "traces/jsonl.hpp"

namespace shutdown_repro::traces {

namespace {

std::string cannot_write(std::string const& path, int error) { return "cannot write " + path + ": " + std::strerror(error); }

// Everything, or the error that kept it from being written.
int write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t const n = ::write(fd, bytes.data(), bytes.size());
        if (n >= 0) bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EINTR) return errno;
    }
    return 0;
}

// A whole trace in pieces of a bounded size.
int write_trace(int fd, trace const& t) {
    constexpr std::size_t piece = std::size_t{1} << 20;
    std::string out;
    write_header(out, t.head);
    for (event const& e : t.events) {
        write_event(out, e);
        if (out.size() < piece) continue;
        if (int const error = write_all(fd, out)) return error;
        out.clear();
    }
    if (t.foot) write_footer(out, *t.foot);
    return write_all(fd, out);
}

int open_write_close(std::string const& path, int flags, mode_t mode, trace const& t) {
    int const fd = ::open(path.c_str(), flags | O_WRONLY | O_CLOEXEC, mode);
    if (fd < 0) return errno;
    int const error = write_trace(fd, t);
    if (::close(fd) < 0 && !error) return errno; // a quota or a network file system may tell only now
    return error;
}

std::string unused_name_beside(std::string const& path) {
    static std::atomic<unsigned> number = 0;
    return path + '.' + std::to_string(::getpid()) + '-' + std::to_string(++number) + ".tmp";
}

} // namespace

void write_file(std::string const& path, trace const& t) {
    struct stat there {};
    bool const exists = ::stat(path.c_str(), &there) == 0;
    if (exists && !S_ISREG(there.st_mode)) { // a terminal, a pipe, /dev/full: nothing to replace
        if (int const error = open_write_close(path, 0, 0, t)) throw trace_error(cannot_write(path, error));
        return;
    }
    // Through a temporary, so that whoever reads `path` meanwhile sees the old trace or the new one, and a full disk keeps
    // the old one. A symbolic link stays: what it points to is replaced.
    std::error_code unresolved;
    std::filesystem::path const resolved = std::filesystem::canonical(path, unresolved);
    std::string const target = unresolved ? path : resolved.string(), temporary = unused_name_beside(target);
    mode_t const mode = exists ? there.st_mode & 0777 : 0666;
    int error = open_write_close(temporary, O_CREAT | O_EXCL, mode, t);
    if (!error && ::rename(temporary.c_str(), target.c_str()) < 0) error = errno;
    if (error) {
        ::unlink(temporary.c_str());
        throw trace_error(cannot_write(path, error));
    }
}

file_sink::file_sink(std::string const& path)
    : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666)), path_(path) {
    if (fd_ < 0) throw trace_error(cannot_write(path_, errno));
}

file_sink::~file_sink() { ::close(fd_); }

void file_sink::head(header const& h) {
    line_.clear();
    write_header(line_, h);
    write_line();
}

void file_sink::put(event const& e) {
    line_.clear();
    write_event(line_, e);
    if (!write_line()) ++dropped_;
}

void file_sink::foot(footer const& f) {
    line_.clear();
    write_footer(line_, f);
    write_line();
}

bool file_sink::write_line() {
    // After a failure nothing more is written: the trace stays what it was up to there, with at most a torn last line, and
    // without a footer, so that no reader takes it for complete.
    if (!error_.empty()) return false;
    int const error = write_all(fd_, line_);
    if (error) error_ = cannot_write(path_, error);
    return !error;
}

} // namespace shutdown_repro::traces
