#include "traces/rules/complete.hpp"
#include "traces/format/jsonl.hpp"

namespace shutdown_repro::traces {

std::string why_incomplete(std::vector<std::string> const& problems, std::optional<footer> const& foot) {
    if (!problems.empty()) return problems.front();
    if (!foot) return std::string(cut_short);
    if (foot->dropped) return std::to_string(foot->dropped) + " events were dropped";
    return foot->note;
}

} // namespace shutdown_repro::traces
