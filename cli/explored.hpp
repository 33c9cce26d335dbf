// What `explore` says: the findings, each shrunk, kept and beside its passing twin; what was covered; what it is worth.
#pragma once
#include <atomic>
#include <string>
#include <vector>
#include "cli/output.hpp"
#include "repro/explore.hpp"
#include "repro/shrink.hpp"

namespace shutdown_repro::cli {

struct kept_finding {
    repro::finding found;
    repro::shrunk small;
    std::optional<repro::passing_twin> twin;
    std::string trace, twin_trace; // their paths, "" when they were not kept
    std::vector<std::uint64_t> also; // the keys of later findings that shrink to the same execution
};

struct exploration_report {
    repro::exploration found;
    repro::explore_options how;
    std::vector<kept_finding> kept;    // in the order of the findings, alike ones once
    std::uint64_t not_kept = 0;        // findings beyond the most that are shrunk
    double took_seconds = 0;
    std::string again, fixed;          // command lines; "" when there is none
};

// Shrinks the findings and writes folder/1.jsonl, 1.passing.jsonl, 2.jsonl …; the folder is made when there is something to
// write. Throws trace_error when it can't be written.
void keep_findings(exploration_report&, std::string const& folder, std::atomic<bool> const& stop);

std::string as_text(exploration_report const&, traces::look);
std::string as_json(exploration_report const&);

} // namespace shutdown_repro::cli
