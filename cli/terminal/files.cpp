#include "cli/terminal/files.hpp"
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include "repro/input/errors.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/format/replace_file.hpp"

namespace shutdown_repro::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(std::string_view flag, std::string const& problem) {
    throw repro::input_error(std::string(flag) + ": " + problem + "; choose another file");
}

} // namespace

void write_report(std::string_view flag, std::string const& path, std::string_view text) {
    try {
        traces::replace_file(path, text);
    } catch (traces::trace_error const& e) { fail(flag, e.what()); }
}

void append_report(std::string_view name, std::string const& path, std::string_view text) {
    int const fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    int failed = fd < 0 ? errno : traces::write_all(fd, text);
    if (fd >= 0 && ::close(fd) != 0 && !failed) failed = errno;
    if (failed) fail(name, traces::cannot_write(path, failed));
}

void expect_writable(std::string_view flag, std::string const& path) {
    std::error_code ignored;
    fs::path const folder = fs::path(path).parent_path();
    if (fs::is_directory(path, ignored)) fail(flag, traces::cannot_write(path, EISDIR));
    if (!folder.empty() && !fs::is_directory(folder, ignored))
        throw repro::input_error(
            std::string(flag) + ": there is no folder " + folder.string() + "; make it, or choose another file");
}

} // namespace shutdown_repro::cli
