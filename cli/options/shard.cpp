#include "cli/options/shard.hpp"
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include "cli/terminal/files.hpp"
#include "repro/input/errors.hpp"
#include "traces/phrases/text.hpp"

namespace shutdown_repro::cli {
namespace {

constexpr std::uint32_t most_shards = 100'000;
constexpr char const* our_count = "SHUTDOWN_REPRO_SHARDS";

std::optional<std::uint32_t> whole(std::string_view text) {
    std::uint32_t n = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failed != std::errc{} || end != text.data() + text.size()) return {};
    return n;
}

[[noreturn]] void fail(std::string const& name, std::string const& expected, std::string_view value) {
    throw repro::input_error(name + " must be " + expected + ", not \"" + traces::printable(value) + "\"" +
        (name == "--shard" ? "" : "; correct it, or give --shard I/N"));
}

std::uint32_t number(environment const& env, char const* name, std::uint32_t least, std::uint32_t most) {
    char const* const text = env(name);
    if (!text)
        throw repro::input_error(
            std::string(name) + " is not set although related variables are; set it, or give --shard I/N");
    auto const n = whole(text);
    if (!n || *n < least || *n > most)
        fail(name, "a whole number from " + std::to_string(least) + " to " + std::to_string(most), text);
    return *n;
}

shard_choice as_typed(std::string const& typed) {
    auto const slash = typed.find('/');
    auto const i = whole(typed.substr(0, slash)),
               n = slash == typed.npos ? std::nullopt : whole(typed.substr(slash + 1));
    if (!i || !n || *i < 1 || *i > *n || *n > most_shards)
        fail("--shard", "I/N with 1 <= I <= N <= " + std::to_string(most_shards), typed);
    return {{*i - 1, *n}, "--shard"};
}

// Without sharding, Bazel does not set the count, or sets it to 0.
std::optional<shard_choice> bazel(environment const& env) {
    if (!env("TEST_TOTAL_SHARDS")) return {};
    std::uint32_t const count = number(env, "TEST_TOTAL_SHARDS", 0, most_shards);
    if (count == 0) return {};
    return shard_choice{{number(env, "TEST_SHARD_INDEX", 0, count - 1), count}, "TEST_SHARD_INDEX"};
}

// Task ids start anywhere and may have a step. A list of ids without an even step is refused: a task can't compute its
// own index from such a list.
std::optional<shard_choice> slurm(environment const& env) {
    if (!env("SLURM_ARRAY_TASK_ID")) return {};
    constexpr std::uint32_t most = 1u << 31;
    std::uint32_t const count = number(env, "SLURM_ARRAY_TASK_COUNT", 1, most_shards),
                        least = number(env, "SLURM_ARRAY_TASK_MIN", 0, most);
    std::uint32_t const step = env("SLURM_ARRAY_TASK_STEP") ? number(env, "SLURM_ARRAY_TASK_STEP", 1, most) : 1;
    std::uint32_t const id = number(env, "SLURM_ARRAY_TASK_ID", least, most);
    if ((id - least) % step != 0 || (id - least) / step >= count)
        fail("SLURM_ARRAY_TASK_ID",
            "one of " + std::to_string(count) + " from " + std::to_string(least) + " in steps of " +
                std::to_string(step),
            env("SLURM_ARRAY_TASK_ID"));
    return shard_choice{{(id - least) / step, count}, "SLURM_ARRAY_TASK_ID"};
}

// Kubernetes tells a pod its index but not the number of pods, so the job has to set that number itself.
std::optional<shard_choice> kubernetes(environment const& env, std::function<void(std::string const&)> const& note) {
    if (!env("JOB_COMPLETION_INDEX")) return {};
    if (!env(our_count)) {
        note(std::string("JOB_COMPLETION_INDEX is set, but ") + our_count +
            ", the number of pods, is not: this pod does all of the work");
        return {};
    }
    std::uint32_t const count = number(env, our_count, 1, most_shards);
    return shard_choice{{number(env, "JOB_COMPLETION_INDEX", 0, count - 1), count}, "JOB_COMPLETION_INDEX"};
}

} // namespace

std::optional<shard_choice> choose_shard(
    std::string const& typed, environment const& env, std::function<void(std::string const&)> const& note) {
    if (!typed.empty()) return as_typed(typed);
    auto found = bazel(env);
    if (!found) found = slurm(env);
    if (!found) found = kubernetes(env, note);
    if (found) note(in_words(found->part) + ", selected by " + found->from + " (--shard 1/1 selects all of the work)");
    return found;
}

std::optional<shard_choice> choose_shard(std::string const& typed) {
    auto const found = choose_shard(
        typed, [](char const* name) -> char const* { return std::getenv(name); },
        [](std::string const& text) { std::cerr << "shutdown-repro: " << text << std::endl; });
    char const* const told = std::getenv("TEST_SHARD_STATUS_FILE");
    if (found && found->from == "TEST_SHARD_INDEX" && told && *told) append_report("TEST_SHARD_STATUS_FILE", told, "");
    return found;
}

std::string in_words(repro::share s) {
    return "shard " + std::to_string(s.index + 1) + " of " + std::to_string(s.count);
}

void add_shard_option(CLI::App& sub, std::string& typed) {
    sub.add_option("--shard", typed, "Do only part I of N of the work; merge combines the reports")->type_name("I/N");
}

} // namespace shutdown_repro::cli
