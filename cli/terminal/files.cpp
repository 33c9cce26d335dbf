#include "cli/terminal/files.hpp"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>
#include "repro/input/errors.hpp"
#include "traces/format/inputs.hpp"
#include "traces/format/jsonl.hpp"
#include "traces/format/replace_file.hpp"

namespace shutdown_repro::cli {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(std::string_view flag, std::string const& problem) {
    throw repro::input_error(std::string(flag) + ": " + problem + "; choose another file");
}

} // namespace

void expect_spared(std::string_view flag, std::string const& path) {
    if (traces::is_input(path))
        throw repro::input_error(
            std::string(flag) + ": the output would replace " + path + ", which is an input; choose another file");
}

void write_report(std::string_view flag, std::string const& path, std::string_view text) {
    expect_spared(flag, path);
    try {
        traces::replace_file(path, text);
    } catch (traces::trace_error const& e) { fail(flag, e.what()); }
}

void append_report(std::string_view name, std::string const& path, std::string_view text) {
    expect_spared(name, path);
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
    expect_spared(flag, path);
}

void write_trace(std::string const& path, traces::trace const& t, named_by who) {
    expect_spared("--trace", path);
    std::error_code none;
    if (who == named_by::us && fs::is_symlink(path, none)) fs::remove(path, none);
    traces::write_file(path, t);
}

output_file::output_file(std::string_view flag, std::string path) : flag_(flag), path_(std::move(path)), to_(nullptr) {
    expect_spared(flag_, path_);
    to_ = std::fopen(path_.c_str(), "we");
    if (!to_) fail();
}

output_file::~output_file() {
    if (to_) std::fclose(to_);
}

void output_file::print(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), to_) != text.size()) fail();
}

void output_file::finish() {
    if (std::fclose(std::exchange(to_, nullptr)) != 0) fail();
}

void output_file::fail() const {
    throw repro::input_error(flag_ + ": can't write " + path_ + ": " + std::strerror(errno));
}

} // namespace shutdown_repro::cli
