// Selects the shard of this process: from --shard, or else from the environment of Bazel, of a Slurm job array or of a
// Kubernetes Indexed Job.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include "repro/explore/strategy.hpp"

namespace CLI {
class App;
}

namespace shutdown_repro::cli {

struct shard_choice {
    repro::share part; // the index counts from 0
    std::string from;  // "--shard", or the name of the environment variable
};

using environment = std::function<char const*(char const* name)>; // like std::getenv

// Returns the shard, or nothing when the work is not sharded. `typed` is the value of --shard: "2/3", counted from 1,
// or "" when the option was not given. `note` receives a message when the environment decides. Throws input_error that
// names the option or the variable.
std::optional<shard_choice> choose_shard(
    std::string const& typed, environment const&, std::function<void(std::string const&)> const& note);
// The same with the real environment. Notes go to standard error, and TEST_SHARD_STATUS_FILE is touched, which tells
// Bazel that sharding is supported.
std::optional<shard_choice> choose_shard(std::string const& typed);

std::string in_words(repro::share); // "shard 2 of 3"
void add_shard_option(CLI::App&, std::string& typed);

} // namespace shutdown_repro::cli
