#include "cli/terminal/output.hpp"
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {
namespace {

bool wants_color(coloring c) {
    if (c != coloring::automatic) return c == coloring::always;
    char const* const no = std::getenv("NO_COLOR");
    char const* const term = std::getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && !(term && std::string_view(term) == "dumb");
}

constexpr std::size_t narrowest = 40, widest = 1000;

// Returns the width in COLUMNS, as shells and pagers use it, or 0 when it is not set or not usable.
std::size_t asked_width() {
    char const* const text = std::getenv("COLUMNS");
    std::string_view const digits = text ? text : "";
    std::size_t width = 0;
    auto const [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), width);
    bool const number = wrong == std::errc() && end == digits.data() + digits.size();
    return number && width >= narrowest && width <= widest ? width : 0;
}

[[noreturn]] void fail_output() {
    throw repro::input_error(std::string("can't write to standard output: ") + std::strerror(errno));
}

} // namespace

traces::text_style output::page() const {
    traces::text_style style;
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
        if (size.ws_col >= narrowest) style.width = size.ws_col;
    } else if (std::size_t const asked = asked_width()) {
        style.width = asked;
    }
    style.color = wants_color(color);
    return style;
}

void output::print(std::string_view text) {
    progress("");
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_output();
}

void output::finish() {
    errno = 0;
    if (std::fflush(stdout) != 0) fail_output();
}

void output::progress(std::string_view line) {
    if (line.empty() && !progress_shown_) return;
    if (!isatty(STDERR_FILENO)) return;
    std::fprintf(stderr, "\r\x1b[K%.*s", static_cast<int>(line.size()), line.data());
    std::fflush(stderr);
    progress_shown_ = !line.empty();
}

int complain(std::string_view what, int status) {
    std::string text = "shutdown-repro: ";
    for (std::size_t end; (end = what.find('\n')) != what.npos; what.remove_prefix(end + 1))
        text += traces::printable(what.substr(0, end)) + "\n  | ";
    text += traces::printable(what) + "\n";
    constexpr std::string_view command = "##[";
    for (std::size_t at = 0; (at = text.find(command, at)) != text.npos;) text.replace(at, command.size(), "##\\x5b");
    std::cerr << text << std::flush;
    return status;
}

void reserve_standard_streams() {
    // Read-only, so that writing to a stream that was closed still fails and is reported.
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) std::abort();
}

} // namespace shutdown_repro::cli
