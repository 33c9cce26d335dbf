// A trace as an issue for the server's own tracker: Markdown that GitHub and GitLab render. A trace is somebody
// else's text: nothing of it reaches the report but through escape.hpp.
#pragma once
#include <span>
#include <string>
#include <vector>
#include "traces/rules/rule.hpp"
#include "traces/trace.hpp"

namespace shutdown_repro::traces {

struct bug_report {
    traces::trace const& trace;
    std::span<violation const> violations;  // as rule_run orders them, not empty
    std::string subject;                    // what was stopped: the scenario's or the target's name
    std::string again = {};                 // the command that shows it again; "" when there is none
    std::string document = {};              // the scenario or the target, JSON on several lines; "" when there is none
    std::vector<std::string> versions = {}; // "nginx 1.22.1", "shutdown-repro 1.0"
    std::string passes = {}; // "when decision 3 is not … but …": how the passing twin differs; "" for none
};

// Tells of one defect, the first root that is an error, else the first root, and names the others.
std::string as_markdown(bug_report const&);

} // namespace shutdown_repro::traces
