// Writes traces to files: event by event (file_sink) and as a whole (write_file).
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include "traces/format/jsonl.hpp"
#include "traces/format/replace_file.hpp"

namespace shutdown_repro::traces {

namespace {

// Writes a whole trace in pieces of a bounded size.
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

} // namespace

void write_file(std::string const& path, trace const& t) {
    replace_file(path, [&t](int fd) { return write_trace(fd, t); });
}

file_sink::file_sink(std::string const& path)
    : fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666)),
      path_(path) {
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
    // Writes nothing after a failure. The file then ends with at most one torn line and has no footer, so every reader
    // reports it as incomplete.
    if (!error_.empty()) return false;
    int const error = write_all(fd_, line_);
    if (error) error_ = cannot_write(path_, error);
    return !error;
}

} // namespace shutdown_repro::traces
