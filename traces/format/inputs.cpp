#include "traces/format/inputs.hpp"
#include <filesystem>
#include <mutex>
#include <set>

namespace shutdown_repro::traces {
namespace {

namespace fs = std::filesystem;

struct noted {
    std::mutex mutex;
    std::set<fs::path> paths; // absolute, without links
};

noted& inputs() {
    static noted all;
    return all;
}

// Returns the path without links, also of a file that does not exist yet.
fs::path resolved(fs::path const& path) {
    std::error_code none;
    fs::path const whole = fs::weakly_canonical(fs::absolute(path, none), none);
    return none ? path : whole;
}

} // namespace

void note_input(std::string const& path) {
    if (path.empty()) return;
    std::error_code none;
    fs::path const name = path == "-" ? "/dev/stdin" : path;
    if (fs::exists(name, none) && !fs::is_regular_file(name, none)) return; // a pipe or a folder is not replaced
    fs::path const found = resolved(name);
    std::scoped_lock const alone(inputs().mutex);
    inputs().paths.insert(found);
}

// Compares the files as they are now: a file that is gone is no input any more, even if a new one has its number.
bool is_input(std::string const& path) {
    fs::path const found = resolved(path);
    std::scoped_lock const alone(inputs().mutex);
    for (fs::path const& one : inputs().paths) {
        std::error_code none;
        if (one == found || fs::equivalent(one, found, none)) return true;
    }
    return false;
}

} // namespace shutdown_repro::traces
