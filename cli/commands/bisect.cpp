#include "cli/commands/bisect.hpp"
#include <algorithm>
#include <string_view>
#include <vector>
#include "repro/input/errors.hpp"

namespace shutdown_repro::cli {

namespace {

// Works without the parser, because the command line may be invalid. Words after "--" are the command of a target.
bool is_bisecting(int argc, char const* const* argv) {
    std::vector<std::string_view> words(argv + (argc > 0), argv + argc);
    words.erase(std::ranges::find(words, "--"), words.end());
    std::erase_if(words, [](std::string_view word) { return word.starts_with("--color="); });
    if (auto const color = std::ranges::find(words, "--color"); color != words.end())
        words.erase(color, std::min(color + 2, words.end()));
    bool const gate = std::ranges::find_if(words, [](std::string_view word) { return !word.starts_with('-'); }) ==
        std::ranges::find(words, "gate");
    return gate && std::ranges::count(words, "--bisect");
}

} // namespace

int exit_status(int status, int argc, char const* const* argv) {
    if (!is_bisecting(argc, argv)) return status;
    constexpr int skip = 125, stop = 128;
    switch (status) {
    case repro::inconclusive:
    case repro::nothing_selected: return skip;
    case repro::bad_input:
    case repro::diverged:
    case repro::internal_error: return stop;
    default: return status;
    }
}

} // namespace shutdown_repro::cli
