#include "traces/insist.hpp"
#include <string>
#include <string_view>
#include <unistd.h>

namespace shutdown_repro::traces {

namespace {

constexpr int our_own_bug = 70; // the exit status, EX_SOFTWARE of sysexits.h

// From the root of the sources: the folders above them are those of whoever built the program. A compiler cache may
// have shortened the path of one of the two files.
std::string_view place_in_sources(std::string_view file) {
    constexpr std::string_view here = "traces/insist.cpp", this_file = __FILE__;
    for (std::string_view const root :
        {std::string_view(SHUTDOWN_REPRO_SOURCES), this_file.substr(0, this_file.size() - here.size())})
        if (file.starts_with(root)) return file.substr(root.size());
    return file;
}

} // namespace

void report_our_bug(char const* must_hold, std::source_location const& where) noexcept {
    std::string const text = "shutdown-repro " SHUTDOWN_REPRO_VERSION ": our own bug: this must hold and does not: " +
        std::string(must_hold) + "\n  at " + std::string(place_in_sources(where.file_name())) + ":" +
        std::to_string(where.line()) +
        "\n  Please report it with these lines, the command and the files it was given.\n";
    [[maybe_unused]] auto const written = ::write(STDERR_FILENO, text.data(), text.size()); // the status says it too
    _exit(our_own_bug);
}

} // namespace shutdown_repro::traces
