#include "cli/report/kept_traces.hpp"
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <tuple>
#include "cli/terminal/files.hpp"
#include "cli/terminal/output.hpp"
#include "repro/process/child_process.hpp"
#include "traces/format/inputs.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {

namespace fs = std::filesystem;

namespace {

// The start of this program, by the clock that dates files.
timespec const started = [] {
    timespec now{};
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now;
}();

// Locks the folder among the runs that keep traces in it, until the descriptor is closed. Where locks do not work, two
// runs that write at the same moment can still meet.
repro::unique_fd locked(std::string const& folder) {
    repro::unique_fd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened) (void)::flock(opened.get(), LOCK_EX);
    return opened;
}

} // namespace

// A file is taken when another run has written it since this one started.
bool kept_traces::is_taken(std::string const& path) const {
    if (mine_.contains(path)) return false;
    if (traces::is_input(path)) return true;
    struct stat there {};
    if (::lstat(path.c_str(), &there) != 0) return false;
    timespec const& written = there.st_mtim;
    return std::tie(written.tv_sec, written.tv_nsec) > std::tie(started.tv_sec, started.tv_nsec);
}

std::string kept_traces::free_path(std::string const& name) const {
    std::string path = (fs::path(folder_) / (name + ".jsonl")).string();
    for (unsigned n = 2; is_taken(path); ++n)
        path = (fs::path(folder_) / (name + "." + std::to_string(n) + ".jsonl")).string();
    return path;
}

std::string kept_traces::keep(std::string const& name, traces::trace const& t) {
    if (useless_) return {};
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) {
        useless_ = true;
        complain("--keep: cannot create the folder " + folder_ + ": " + failed.message() + "; name another one", 0);
        return {};
    }
    repro::unique_fd const alone = locked(folder_);
    std::string const path = free_path(name);
    try {
        write_trace(path, t, named_by::us);
        mine_.insert(path);
        return path;
    } catch (traces::trace_error const& e) {
        complain(std::string("--keep: ") + e.what(), 0);
        return {};
    }
}

} // namespace shutdown_repro::cli
