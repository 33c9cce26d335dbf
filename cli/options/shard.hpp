// Which part of the work is ours: what --shard says, else what the environment of Bazel, of a Slurm array or of a Kubernetes
// Indexed Job says.
#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include "repro/explore/strategy.hpp"

namespace shutdown_repro::cli {

struct shard_choice {
    repro::share part; // counted from 0
    std::string from;  // "--shard", or the variable that says so
};

using environment = std::function<char const*(char const* name)>; // as std::getenv

// `typed`: "2/3", counted from 1, or "" when nothing was typed. Nothing when there is no part to take. `note` is told what a
// person may not expect. Throws input_error that names the option or the variable.
std::optional<shard_choice> choose_shard(
    std::string const& typed, environment const&, std::function<void(std::string const&)> const& note);
// With the real environment; notes go to standard error, and Bazel is told that somebody cares (TEST_SHARD_STATUS_FILE).
std::optional<shard_choice> choose_shard(std::string const& typed);

std::string in_words(repro::share); // "shard 2 of 3"
void add_shard_option(CLI::App&, std::string& typed);

} // namespace shutdown_repro::cli
