#include "cli/bisect.hpp"
#include <algorithm>
#include <string_view>
#include "repro/errors.hpp"

namespace shutdown_repro::cli {

int exit_status(int status, int argc, char const* const* argv) {
    bool const bisecting = std::any_of(argv + (argc > 0), argv + argc, [](std::string_view word) { return word == "--bisect"; });
    if (!bisecting) return status;
    constexpr int skip = 125, stop = 128;
    switch (status) {
    case repro::inconclusive: case repro::nothing_selected: return skip;
    case repro::bad_input: case repro::diverged: case repro::internal_error: return stop;
    default: return status;
    }
}

} // namespace shutdown_repro::cli
