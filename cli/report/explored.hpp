// The report of `explore`: the findings, each shrunk and kept with its passing twin, the coverage, and the guarantee.
#pragma once
#include <atomic>
#include <optional>
#include <string>
#include <vector>
#include "cli/terminal/output.hpp"
#include "repro/explore/explore.hpp"
#include "repro/explore/shrink.hpp"

namespace shutdown_repro::repro {
class located_value;
}

namespace shutdown_repro::cli {

struct kept_finding {
    repro::finding found;
    repro::shrink_result small;
    std::optional<repro::passing_twin> twin;
    std::string trace, twin_trace;   // paths; "" if not kept
    std::vector<std::uint64_t> also; // keys of later findings of its rule that shrink to the same execution
    std::size_t lead = 0;            // index in `kept` of the finding with whose trace it is told; its own for that one
    std::size_t root = 0;            // index in `kept` of the root of its defect; its own for a root
    bool led_to = false;             // it came before its root, and led to it
};

struct exploration_report {
    repro::exploration found;
    repro::explore_options how;
    std::vector<kept_finding> kept; // in the order of the findings, alike ones once
    std::uint64_t not_kept = 0;     // findings beyond the most that are shrunk
    double took_seconds = 0;
    std::string again, fixed; // command lines; "" for none
    std::string shard_from;   // the option or variable that selected the shard: shard_choice::from
    std::uint32_t shards = 0; // number of merged shards; 0 if not merged
};

// Shrinks the findings and writes folder/1.jsonl, 1.passing.jsonl, 2.jsonl and so on: one trace for all that shrink to
// the same execution. Creates the folder if there is something to write. A trace that can't be written is reported on
// standard error.
void keep_findings(exploration_report&, std::string const& folder, std::atomic<bool> const& stop);

// Sets `lead`, `root` and `led_to` of each. Executes each shrunk schedule once: its trace proves which violation
// follows from which.
void find_defects(std::vector<kept_finding>& kept);
bool same_execution(kept_finding const&, kept_finding const&);

struct defect_count {
    std::size_t defects = 0, rules = 0;
};
// Returns nothing when not all findings were shrunk.
std::optional<defect_count> count_defects(exploration_report const&);

// Notes it with the one of `kept` that shrank to the same, when there is one.
bool add_to_alike(std::vector<kept_finding>& kept, kept_finding const&);
constexpr std::string_view unfinished = "unfinished"; // instead of a rule
std::string rule_name(repro::finding const&);

std::string as_text(exploration_report const&, traces::text_style);
std::string as_json(exploration_report const&);
// Reads back what as_json wrote, without the coverage. `name` is the name of the file. Throws input_error that names
// file and line.
exploration_report exploration_from(repro::located_value const& document, std::string const& name);

} // namespace shutdown_repro::cli
