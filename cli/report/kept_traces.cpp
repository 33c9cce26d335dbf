#include "cli/report/kept_traces.hpp"
#include <filesystem>
#include "cli/terminal/output.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::cli {

namespace fs = std::filesystem;

std::string kept_traces::keep(std::string const& name, traces::trace const& t) {
    if (useless_) return {};
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) {
        useless_ = true;
        complain("--keep: cannot create the folder " + folder_ + ": " + failed.message() + "; name another one", 0);
        return {};
    }
    std::string const path = (fs::path(folder_) / (name + ".jsonl")).string();
    try {
        traces::write_file(path, t);
        return path;
    } catch (traces::trace_error const& e) {
        complain(std::string("--keep: ") + e.what(), 0);
        return {};
    }
}

} // namespace shutdown_repro::cli
