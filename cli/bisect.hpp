// What `git bisect run` reads from an exit status: 0 good, 125 this commit says nothing, 128 and above stop, anything else bad.
#pragma once

namespace shutdown_repro::cli {

// Whether --bisect was typed, also when the rest of the command line makes no sense.
bool for_bisect(int argc, char const* const* argv);
int bisect_status(int status);

} // namespace shutdown_repro::cli
