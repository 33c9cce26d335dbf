// Exit statuses for `git bisect run`: 0 good, 125 skip this commit, 128 and above abort, any other value bad.
#pragma once

namespace shutdown_repro::cli {

// Returns `status` unchanged, or mapped for git bisect run when the command line is `gate … --bisect`, even when the
// rest of the command line is invalid.
int exit_status(int status, int argc, char const* const* argv);

} // namespace shutdown_repro::cli
