// The exception for bad input and for errors of the environment; main() catches it. Violations are data and never
// thrown. Bugs of this program are assertions.
#pragma once
#include <stdexcept>
#include <string>

namespace shutdown_repro::repro {

// Exit statuses (man shutdown-repro, "EXIT STATUS").
enum status : int {
    clean = 0,
    violated = 1,
    bad_input = 2,
    inconclusive = 3,
    nothing_selected = 4,
    stale_baseline = 5,
    diverged = 6,
    internal_error = 70
};

struct input_error : std::runtime_error {
    explicit input_error(std::string const& message, int exits_with = bad_input)
        : std::runtime_error(message),
          exit_status(exits_with) {}
    int exit_status;
};

} // namespace shutdown_repro::repro
