// What people see, to the byte: pages of the simulated world, each in tests/data/golden under its name, with the
// command on top. After a change that is meant, look at the difference that this makes, and keep it:
//
//     SHUTDOWN_REPRO_REGENERATE=1 build/release/tests/test_cli "pages for people*" && git diff tests/data/golden
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include "tests/catch.hpp"
#include "tests/cli/program.hpp"

using namespace shutdown_repro::cli_tests;
namespace fs = std::filesystem;

namespace {

struct golden_page {
    char const* name;
    char const* command; // typed in one folder, in this order
    int exits = 0;
};

constexpr golden_page pages[] = {
    {"run-violated", "run scope-disposal --world sim --trace bad.jsonl", 1},
    {"run-clean", "run scope-disposal --world sim --policy drained --trace good.jsonl"},
    {"run-reactor", "run lost-finish --world sim --order client-first --trace lost.jsonl", 1},
    {"run-all-orders", "run lost-finish --world sim --all-orders --trace orders.jsonl", 1},
    {"run-repeated", "run lost-timer --world sim --repeat 3 --order server-first", 1},
    {"explore-violated", "explore lost-finish --executions 100", 1},
    {"explore-clean", "explore scope-disposal --requests 1 --policy drained --strategy exhaustive"},
    {"replay", "replay findings/1.jsonl", 1},
    {"shrink", "shrink bad.jsonl", 1},
    {"check", "check bad.jsonl good.jsonl lost.jsonl", 1},
    {"inspect-timeline", "inspect bad.jsonl"},
    {"inspect-tree", "inspect bad.jsonl --tree"},
    {"inspect-tree-at", "inspect bad.jsonl --tree --at 20"},
    {"inspect-follow", "inspect bad.jsonl --follow coroutine:2"},
    {"inspect-explain", "inspect bad.jsonl --explain"},
    {"inspect-explain-finding", "inspect findings/1.jsonl --explain"},
    {"inspect-stats", "inspect bad.jsonl --stats"},
    {"inspect-filter", "inspect lost.jsonl --filter 'stream.* or act.*'"},
    {"diff", "diff bad.jsonl good.jsonl", 1},
    {"list-scenarios", "list scenarios"},
    {"list-rules", "list rules"},
    {"list-policies", "list policies"},
    {"list-strategies", "list strategies"},
    {"list-stop-points", "list stop-points scope-disposal"},
    {"explain", "explain scope-disposed-nonempty"},
};

std::size_t columns(std::string const& line) {
    return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// The line of a failed assertion in our own source moves with every edit of that file. Digits become N, and widths
// stay.
std::string without_source_lines(std::string text) {
    std::string_view const before = "scope.cpp:";
    for (std::size_t at = 0; (at = text.find(before, at)) != text.npos;)
        for (at += before.size(); at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) text[at] = 'N';
    return text;
}

} // namespace

TEST_CASE("pages for people are as recorded, byte by byte, and 80 columns wide") {
    bool const regenerate = std::getenv("SHUTDOWN_REPRO_REGENERATE");
    std::string const kept = TEST_DATA "/golden/";
    folder const here;
    for (golden_page const& p : pages) {
        result const r = run_line("shutdown-repro " + std::string(p.command), here.path());
        std::string const now = "$ shutdown-repro " + std::string(p.command) + "\n" + without_source_lines(r.out);
        INFO(p.name << ": " << p.command << "\n" << r.err);
        CHECK(r.status == p.exits);
        CHECK(r.err.empty());
        for (std::string const& line : lines(r.out)) {
            INFO(line);
            CHECK(
                (columns(line) <= 80 || line.find("shutdown-repro ") != line.npos)); // a command to copy is not broken
        }
        if (regenerate) std::ofstream(kept + p.name + ".txt", std::ios::binary) << now;
        else CHECK(now == slurp(kept + p.name + ".txt"));
    }
    for (fs::directory_entry const& file : fs::directory_iterator(kept)) {
        INFO(file.path());
        CHECK(std::any_of(std::begin(pages), std::end(pages),
            [&](golden_page const& p) { return file.path().filename() == std::string(p.name) + ".txt"; }));
    }
}
