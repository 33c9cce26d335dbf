#include "repro/process/private_folder.hpp"
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include "repro/input/errors.hpp"

namespace shutdown_repro::repro {

private_folder::private_folder() {
    std::error_code failed;
    std::filesystem::path const above = std::filesystem::temp_directory_path(failed);
    if (failed) throw input_error("no folder for temporary files (TMPDIR): " + failed.message());
    path_ = (above / "shutdown-repro-XXXXXX").string();
    if (!mkdtemp(path_.data()))
        throw input_error(
            "cannot create a folder in " + above.string() + ": " + std::generic_category().message(errno));
}

private_folder::~private_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

} // namespace shutdown_repro::repro
