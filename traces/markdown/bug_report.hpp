// Writes a trace as an issue for the tracker of the server, in Markdown as GitHub and GitLab render it. The text of a
// trace is untrusted: all of it goes through escape.hpp.
#pragma once
#include <span>
#include <string>
#include <vector>
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

struct bug_report {
    traces::trace const& trace;
    std::span<violation const> violations;  // not empty; in the order of rule_run::violations()
    std::string subject;                    // name of the scenario or the target
    std::string again = {};                 // the command that reproduces it; "" for none
    std::string document = {};              // the scenario or the target as JSON on several lines; "" for none
    std::vector<std::string> versions = {}; // "nginx 1.22.1", "shutdown-repro 1.0"
    std::string passes = {}; // how the passing twin differs: "when decision 3 is not … but …"; "" for none
};

// Describes one defect, the first root that is an error, else the first root, and names the others.
std::string as_markdown(bug_report const&);

} // namespace shutdown_repro::traces
