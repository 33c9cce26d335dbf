// What `git bisect run` reads from an exit status: 0 good, 125 this commit says nothing, 128 and above stop, anything else bad.
#pragma once

namespace shutdown_repro::cli {

// The status as it is, or as git bisect run is to read it when --bisect was typed to gate, also when the rest of the command
// line makes no sense.
int exit_status(int status, int argc, char const* const* argv);

} // namespace shutdown_repro::cli
